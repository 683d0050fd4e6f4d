// Package configfile says what is wrong with a Prometheus configuration file, at
// file:line:column and with all problems at once.
//
// The verdict is that of Prometheus's own reader, which stops at the first
// problem that is not one of types and names no line for it. So the file is read
// again and again, each time without the part that was found to be bad.
package configfile

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/prometheus/config"
	_ "github.com/prometheus/prometheus/discovery/dns"  // dns_sd_configs
	_ "github.com/prometheus/prometheus/discovery/file" // file_sd_configs
	_ "github.com/prometheus/prometheus/discovery/moby" // docker_sd_configs, dockerswarm_sd_configs

	"github.com/tocsin/tocsin/rules"
)

// maxSize bounds what is read: the file is read many times.
const maxSize = 4 << 20

// Options are how a file is checked.
type Options struct {
	// SyntaxOnly leaves out the files that the configuration names.
	SyntaxOnly bool
	// Lookback is how long a sample counts as current; zero turns the check of
	// scrape intervals off.
	Lookback time.Duration
}

// File is a configuration file after checking.
type File struct {
	Path string
	// Config is nil if and only if the reader refuses the file.
	Config *config.Config
	// Problems keep Prometheus from running with the file. Warnings do not.
	Problems, Warnings []rules.Problem
	// RuleFiles are the rule files that it names and that there are.
	RuleFiles []string
}

// Check reads a configuration file, and looks at the files that it names.
func Check(path string, o Options) File {
	f := File{Path: path}
	content, problem := read(path)
	if problem != nil {
		f.Problems = append(f.Problems, *problem)
		return f
	}
	t, problem := newTree(path, content)
	if problem != nil {
		f.Problems = append(f.Problems, *problem)
		return f
	}
	cfg, err := load(string(content))
	if err != nil {
		f.Problems = t.locate(err)
		return f
	}
	cfg.SetDirectory(filepath.Dir(path))
	f.Config = cfg
	n := named{tree: t, file: &f, dir: filepath.Dir(path)}
	n.scrapeIntervals(cfg.ScrapeConfigs, o.Lookback)
	if !o.SyntaxOnly {
		n.look()
	}
	rules.SortProblems(f.Problems)
	f.Problems = append(f.Problems, n.others...)
	rules.SortProblems(f.Warnings)
	return f
}

func read(path string) ([]byte, *rules.Problem) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &rules.Problem{File: path, Msg: cause(err), Err: err}
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	switch {
	case err != nil:
		return nil, &rules.Problem{File: path, Msg: cause(err), Err: err}
	case len(content) > maxSize:
		return nil, &rules.Problem{File: path, Msg: fmt.Sprintf("is larger than %d MiB", maxSize>>20)}
	}
	return content, nil
}

// load is the reader whose word counts. It does not survive every empty entry of
// a list, and refuses the file then.
func load(text string) (cfg *config.Config, err error) {
	defer func() {
		if r := recover(); r != nil {
			cfg, err = nil, fmt.Errorf("Prometheus crashes on this, is an entry of a list empty? (%v)", r)
		}
	}()
	return config.Load(text, slog.New(slog.DiscardHandler))
}
