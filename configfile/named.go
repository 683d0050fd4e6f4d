package configfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/file"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"go.yaml.in/yaml/v3"

	"github.com/tocsin/tocsin/rules"
	"github.com/tocsin/tocsin/rules/lint"
)

// named looks at what a configuration names. As in promtool only some of what is
// missing is an error; the rest is a warning here.
type named struct {
	Options
	tree *tree // the file with what is being looked at
	file *File
	seen map[string]bool
	// there are the files that have to be there, and whether they are.
	there map[string]bool
	// others are the problems in other files.
	others []rules.Problem
}

// look looks at all files.
func (n *named) look() {
	n.seen, n.there = map[string]bool{}, map[string]bool{}
	n.ruleFiles()
	n.jobs(n.file.Config.ScrapeConfigs)
	n.receivers(n.file.Config)
	n.mentioned()
	n.scrapeFiles()
}

// mentioned looks at all else that a file names.
func (n *named) mentioned() {
	n.tree.each(func(p place) {
		if p.value.Kind == yaml.ScalarNode && strings.HasSuffix(p.path, "_file") && !strings.HasSuffix(p.path, "_log_file") && p.value.Value != "" {
			n.should(promconfig.JoinDir(n.tree.dir(), p.value.Value), p)
		}
	})
}

// add adds a problem to those of the file that is being looked at.
func (n *named) add(p rules.Problem) {
	if p.File == n.file.Path {
		n.file.Problems = append(n.file.Problems, p)
	} else {
		n.others = append(n.others, p)
	}
}

// problem is one of a value: it is at the value, not at the field that has it.
func (n *named) problem(at place, msg, hint string) rules.Problem {
	p := rules.Problem{File: n.tree.path, Field: at.path, Msg: msg, Hint: hint}
	if at.value != nil {
		p.Pos = position(at.value)
	}
	return p
}

const relative = "paths are relative to the directory of this file"

// ruleFiles expands the patterns of the rule files.
func (n *named) ruleFiles() {
	for i, pattern := range n.file.Config.RuleFiles {
		at, _ := n.tree.at(fmt.Sprintf("rule_files[%d]", i))
		if n.Carried && pattern == "" {
			continue // an empty entry, which is a problem of its own
		}
		for _, path := range n.expand(pattern, at, "rule file", true) {
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				n.add(n.problem(at, path+" is a directory", fmt.Sprintf("name the files in it: %s", filepath.Join(pattern, "*.yml"))))
				continue
			}
			if !slices.Contains(n.file.RuleFiles, path) {
				n.file.RuleFiles = append(n.file.RuleFiles, path)
			}
		}
	}
}

// expand lists the files of a pattern. A name without "*" that is not there is a
// problem if it has to be there.
func (n *named) expand(pattern string, at place, what string, must bool) []string {
	paths, err := filepath.Glob(pattern)
	switch {
	case err != nil:
		n.add(n.problem(at, fmt.Sprintf("%q is not a valid glob", pattern), `a "[" lacks its "]"`))
	case len(paths) == 0 && must && !strings.Contains(pattern, "*"):
		n.file.sources.matches(pattern, paths)
		n.add(n.problem(at, fmt.Sprintf("there is no %s %s", what, pattern), relative))
	case len(paths) == 0:
		n.warn(lint.MissingFile, at, fmt.Sprintf("%s matches no %s", pattern, what), relative)
	}
	return paths
}

func (n *named) warn(name string, at place, msg, hint string) {
	p := n.problem(at, msg, hint)
	p.Lint = name
	n.file.Warnings = append(n.file.Warnings, p)
}

// must reports a file that is not there, once.
func (n *named) must(path string) (there bool) {
	if path == "" {
		return true
	}
	if there, known := n.there[path]; known {
		return there
	}
	n.seen[path] = true
	err := n.file.sources.presence(path)
	if err != nil {
		n.add(n.problem(n.tree.naming(path), path+": "+cause(err), ""))
	}
	n.there[path] = err == nil
	return err == nil
}

// should warns about a file that is not there.
func (n *named) should(path string, at place) {
	if n.seen[path] {
		return
	}
	n.seen[path] = true
	if _, err := os.Stat(path); err != nil {
		n.warn(lint.MissingFile, at, path+": "+cause(err), "")
	}
}

// targetFiles reads the files of file_sd_configs.
func (n *named) targetFiles(configs discovery.Configs) {
	for _, c := range configs {
		sd, ok := c.(*file.SDConfig)
		if !ok {
			continue
		}
		for _, pattern := range sd.Files {
			paths, err := filepath.Glob(pattern)
			if err != nil || len(paths) == 0 {
				n.warn(lint.MissingFile, n.tree.naming(pattern), pattern+" matches no file with targets", "")
			}
			for _, path := range paths {
				if !n.seen[path] {
					n.seen[path] = true
					n.targets(path)
				}
			}
		}
	}
}

// targets reads a file of targets.
func (n *named) targets(path string) {
	content, readErr := readBounded(path)
	err := readErr
	if err == nil {
		err = readTargets(path, content)
	}
	if err == nil {
		return
	}
	n.file.sources.content(path, content, readErr) // when it is mended, the verdict is another one
	found := typeProblems(path, err)
	if len(found) == 0 {
		found = []rules.Problem{{File: path, Msg: message(err)}}
	}
	n.others = append(n.others, found...)
}

func readTargets(path string, content []byte) error {
	var groups []*targetgroup.Group
	if strings.EqualFold(filepath.Ext(path), ".json") {
		if err := json.Unmarshal(content, &groups); err != nil {
			return err
		}
	} else {
		dec := yaml.NewDecoder(bytes.NewReader(content))
		dec.KnownFields(true)
		if err := dec.Decode(&groups); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	if slices.Contains(groups, nil) {
		return errors.New("a target group is empty")
	}
	return nil
}

// scrapeIntervals warns about those between whose samples queries see nothing.
func (n *named) scrapeIntervals(scrapes []*config.ScrapeConfig) {
	for i, s := range scrapes {
		if n.Lookback == 0 || time.Duration(s.ScrapeInterval) < n.Lookback {
			continue
		}
		var at place
		for _, path := range []string{fmt.Sprintf("scrape_configs[%d].scrape_interval", i), "global.scrape_interval", fmt.Sprintf("scrape_configs[%d]", i)} {
			var ok bool
			if at, ok = n.tree.at(path); ok {
				break
			}
		}
		n.warn(lint.LongScrape, at, fmt.Sprintf("job %q is scraped every %s, and a sample counts for less than %s: queries see gaps",
			s.JobName, s.ScrapeInterval, model.Duration(n.Lookback)), "2m or less leaves room for a lost scrape")
	}
}

// cause words an error of the file system without the path.
func cause(err error) string {
	switch pathErr := (*fs.PathError)(nil); {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	case errors.As(err, &pathErr):
		return "cannot be read: " + pathErr.Err.Error()
	}
	return "cannot be read: " + err.Error()
}
