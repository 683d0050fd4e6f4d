// Tocsin is an alerting rules engine inside the Docker engine: see
// ARCHITECTURE.md for how its parts go together.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // templates name time zones, and a rootfs may have none

	_ "golang.org/x/crypto/x509roots/fallback" // CA roots where the rootfs has none

	"github.com/alecthomas/kingpin/v2"
)

// version is set by the linker.
var version = "dev"

// Exit codes: exitUsage is for what the user can mend on the command line.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code := command(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// command runs one command line and returns its exit code.
func command(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	app := kingpin.New("tocsin", "Alerting rules inside the Docker engine: scrapes it, evaluates Prometheus rule files, sends alerts to Alertmanager.")
	answered := false // --help or --version; kingpin parses on where it cannot exit
	app.Version("tocsin " + version).UsageWriter(stdout).ErrorWriter(stdout).Terminate(func(int) { answered = true })
	app.HelpFlag.Short('h')
	daemon := app.Command("run", "The daemon, in the Docker engine as a plugin or standalone. Each flag is also a setting of the name in brackets, from the environment.")
	given := newFlags(daemon)
	_, err := app.Parse(args)
	if answered {
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "tocsin: %v; see tocsin --help\n", err)
		return exitUsage
	}
	s, problems := resolve(given, getenv)
	if len(problems) > 0 && s.pluginSocket == "" {
		for _, p := range problems {
			fmt.Fprintln(stderr, "tocsin: "+p.Error())
		}
		return exitUsage
	}
	return run(ctx, s, problems, stdout, stderr)
}
