package main

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/model"
)

// replayArgs are what the command line of tocsin replay gave.
type replayArgs struct {
	given                     *flags
	from, to, url, form, file string
	rulesPaths                []string
}

// replayer is one run of tocsin replay.
type replayer struct {
	console
	settings   settings
	rulesPath  string // empty: the bundled rules
	from, to   time.Time
	url        *url.URL // nil: the data directory of the settings
	form, file string
	complaints int // what went wrong so far
}

func newReplayArgs(cmd *kingpin.CmdClause) *replayArgs {
	a := &replayArgs{given: newFlags(cmd, "DATA_PATH", "EVALUATION_INTERVAL", "SCRAPE_INTERVAL", "HOLD_LIMIT", "EXTERNAL_LABELS")}
	cmd.Flag("from", "start: RFC 3339, seconds since 1970, or a time before now such as 24h").Default("24h").StringVar(&a.from)
	cmd.Flag("to", "end, in the same forms").Default("now").StringVar(&a.to)
	cmd.Flag("rules.path", "rule files: a file, directory or glob; may be repeated (bundled rules) [RULES_PATH]").PlaceHolder("PATH").StringsVar(&a.rulesPaths)
	cmd.Flag("url", "read the history of a running instance, such as http://127.0.0.1:9193, and no data directory").PlaceHolder("URL").StringVar(&a.url)
	cmd.Flag("output", "table, json, or svg: a timeline").Short('o').Default("table").EnumVar(&a.form, "table", "json", "svg")
	cmd.Flag("file", "write there instead of the standard output").PlaceHolder("PATH").StringVar(&a.file)
	return a
}

// parse checks the command line and the environment; the errors are all that is
// wrong with them.
func (a *replayArgs) parse(c console, now time.Time) (*replayer, []error) {
	r := &replayer{console: c, form: a.form, file: a.file, rulesPath: strings.Join(a.rulesPaths, ",")}
	if r.rulesPath == "" {
		r.rulesPath = c.getenv("RULES_PATH")
	}
	var errs []error
	s, problems := resolve(a.given, c.getenv)
	for _, p := range problems {
		errs = append(errs, p)
	}
	r.settings = s
	var err error
	if r.from, err = parseMoment(a.from, now); err != nil {
		errs = append(errs, fmt.Errorf("--from is %q: %w", a.from, err))
	}
	if r.to, err = parseMoment(a.to, now); err != nil {
		errs = append(errs, fmt.Errorf("--to is %q: %w", a.to, err))
	}
	if len(errs) == 0 && !r.from.Before(r.to) {
		errs = append(errs, fmt.Errorf("--from (%s) is not before --to (%s)", stamp(r.from), stamp(r.to)))
	}
	if a.url == "" {
		return r, errs
	}
	if *a.given.set["DATA_PATH"] {
		errs = append(errs, errors.New("--url and --storage.path are given: history comes from one of them"))
	}
	if r.url, err = parseInstance(a.url); err != nil {
		errs = append(errs, fmt.Errorf("--url: %w", err))
	}
	return r, errs
}

// parseMoment reads a time: RFC 3339, seconds since 1970, or how long before now.
func parseMoment(s string, now time.Time) (time.Time, error) {
	now = now.Truncate(time.Millisecond)
	if s == "now" {
		return now, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	// Beyond these seconds milliseconds do not fit into storage's timestamps.
	const most = 1 << 40
	if seconds, err := strconv.ParseFloat(s, 64); err == nil && seconds >= 0 && seconds < most {
		return time.UnixMilli(int64(seconds * 1000)), nil
	}
	if d, err := model.ParseDuration(s); err == nil {
		return now.Add(-time.Duration(d)), nil
	}
	return time.Time{}, errors.New("expected a time such as 2026-11-22T15:04:05Z, seconds since 1970, or how long before now, such as 90m, 24h or 7d")
}

// parseInstance reads the address of a running instance. Errors do not repeat it:
// it may hold a password.
func parseInstance(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("expected the address of a running instance such as http://127.0.0.1:9193")
	}
	return u, nil
}
