package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/tocsin/tocsin/cli"
)

// hintTimeout bounds what the completion of a shell waits for the names of rules.
const hintTimeout = 3 * time.Second

// asking are the flags of the commands that ask a running Tocsin.
type asking struct {
	address, configFile, format *string
	console                     console
}

func newAsking(cmd *kingpin.CmdClause, c console) *asking {
	return &asking{
		address: cmd.Flag("address", "Where Tocsin listens: http://host:port, https://host:port or unix:///path of the plugin's socket. "+
			"Without it "+cli.DefaultAddress+", then the sockets of plugins on this host. [TOCSIN_ADDRESS]").PlaceHolder("URL").String(),
		configFile: cmd.Flag("http.config.file", "File with credentials and TLS settings, as of amtool and promtool.").PlaceHolder("FILE").String(),
		format: cmd.Flag("output", "Format of the output: table, json or yaml.").Short('o').Default(cli.Table).
			Enum(cli.Table, cli.JSON, cli.YAML),
		console: c,
	}
}

func (a *asking) client() (*cli.Client, error) {
	address := *a.address
	if address == "" {
		address = a.console.getenv("TOCSIN_ADDRESS")
	}
	trustKnownRoots() // the address, a redirect or a proxy may speak TLS
	return cli.NewClient(address, *a.configFile)
}

// action asks, and tells what went wrong.
func (a *asking) action(ask func(ctx context.Context, c *cli.Command) (int, error)) action {
	return func(ctx context.Context) int {
		client, err := a.client()
		if err != nil {
			return complain(a.console.stderr, exitUsage, err)
		}
		code, err := ask(ctx, &cli.Command{Client: client, Format: *a.format, Out: a.console.stdout, Getenv: a.console.getenv})
		if err != nil {
			return complain(a.console.stderr, code, err)
		}
		return code
	}
}

func complain(w io.Writer, code int, err error) int {
	fmt.Fprintf(w, "tocsin: %s\n", cli.Plain(err.Error()))
	return code
}

// statusCommand is tocsin status.
func statusCommand(app *kingpin.Application, c console, actions map[string]action) {
	cmd := app.Command("status", "How a running Tocsin is doing. Exit code 3 if something fires or needs attention.")
	actions[cmd.FullCommand()] = newAsking(cmd, c).action(func(ctx context.Context, c *cli.Command) (int, error) { return c.Status(ctx) })
}

// alertsCommand is tocsin alerts.
func alertsCommand(app *kingpin.Application, c console, actions map[string]action) {
	cmd := app.Command("alerts", "The alerts of a running Tocsin. Exit code 3 if one of those shown fires.")
	var f cli.Filter
	cmd.Flag("state", "Only alerts of this state: firing, pending, held or resolved; may be repeated. Firing and pending if left out.").
		HintOptions(cli.AlertStates...).EnumsVar(&f.States, cli.AlertStates...)
	cmd.Arg("matcher", "Only alerts whose labels match: severity=critical, host=~edge.*, job!=test.").StringsVar(&f.Matchers)
	actions[cmd.FullCommand()] = newAsking(cmd, c).action(func(ctx context.Context, c *cli.Command) (int, error) { return c.Alerts(ctx, f) })
}

// explainCommand is tocsin explain.
func explainCommand(app *kingpin.Application, c console, actions map[string]action) {
	cmd := app.Command("explain", "Why a rule of a running Tocsin fires, or why not. Exit code 3 if it fires or fails.")
	var r cli.RuleName
	a := newAsking(cmd, c)
	cmd.Flag("group", "The rule of this group, where several have the name.").StringVar(&r.Group)
	cmd.Flag("file", "The rule of this file, or of a path that ends so.").StringVar(&r.File)
	cmd.Flag("line", "The rule in this line of its file.").IntVar(&r.Line)
	cmd.Arg("rule", "Name of an alerting or recording rule.").Required().HintAction(a.ruleNames).StringVar(&r.Name)
	actions[cmd.FullCommand()] = a.action(func(ctx context.Context, c *cli.Command) (int, error) { return c.Explain(ctx, r) })
}

// ruleNames completes names of rules, if Tocsin answers soon.
func (a *asking) ruleNames() []string {
	client, err := a.client()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), hintTimeout)
	defer cancel()
	names, err := client.RuleNames(ctx)
	if err != nil {
		return nil // there is nobody to tell
	}
	return names
}
