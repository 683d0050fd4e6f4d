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

	"github.com/alecthomas/kingpin/v2"
)

// version is set by the linker.
var version = "dev"

// Exit codes: exitUsage is for what the user can mend on the command line. Package cli
// has one more.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	leaveOut()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code := command(ctx, os.Args[1:], console{os.Getenv, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// console is what a command reads from and writes to, beside its arguments.
type console struct {
	getenv         func(string) string
	stdout, stderr io.Writer
}

// action runs one command and returns its exit code.
type action func(ctx context.Context) int

// subcommands add commands to app, and their actions by full name ("check rules").
var subcommands = []func(app *kingpin.Application, c console, actions map[string]action){
	runCommand,
	statusCommand,
	alertsCommand,
	explainCommand,
	replayCommand,
	checkCommand,
	testRulesCommand,
}

// command runs one command line and returns its exit code.
func command(ctx context.Context, args []string, c console) int {
	app := kingpin.New("tocsin", "Alerting rules inside the Docker engine: scrapes it, evaluates Prometheus rule files, sends alerts to Alertmanager.")
	app.Version("tocsin " + version).UsageWriter(c.stdout).ErrorWriter(c.stdout)
	app.HelpFlag.Short('h')
	actions := map[string]action{}
	for _, add := range subcommands {
		add(app, c, actions)
	}
	selected, answered, err := parseArgs(app, args)
	if answered {
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(c.stderr, "tocsin: %v; see tocsin --help\n", err)
		return exitUsage
	}
	return actions[selected](ctx)
}
