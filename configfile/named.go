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
	tree *tree
	file *File
	dir  string
	seen map[string]bool
	// others are the problems in other files.
	others []rules.Problem
}

// look looks at all files.
func (n *named) look() {
	n.seen = map[string]bool{}
	n.ruleFiles()
	scrapes, err := n.file.Config.GetScrapeConfigs()
	if err != nil {
		n.file.Problems = append(n.file.Problems, n.problem(n.tree.at("scrape_config_files"), message(err), ""))
		scrapes = n.file.Config.ScrapeConfigs
	}
	for _, s := range scrapes {
		if a := s.HTTPClientConfig.Authorization; a != nil {
			n.must(a.CredentialsFile)
		}
		n.must(s.HTTPClientConfig.TLSConfig.CertFile)
		n.must(s.HTTPClientConfig.TLSConfig.KeyFile)
		n.discovered(s.ServiceDiscoveryConfigs)
	}
	for _, a := range n.file.Config.AlertingConfig.AlertmanagerConfigs {
		n.discovered(a.ServiceDiscoveryConfigs)
	}
	n.tree.each(n.tree.root, "", func(path string, value *yaml.Node) {
		if value.Kind == yaml.ScalarNode && strings.HasSuffix(path, "_file") && !strings.HasSuffix(path, "_log_file") && value.Value != "" {
			n.should(promconfig.JoinDir(n.dir, value.Value), value)
		}
	})
}

func (n *named) problem(at *yaml.Node, msg, hint string) rules.Problem {
	p := rules.Problem{File: n.file.Path, Msg: msg, Hint: hint}
	if at != nil {
		p.Pos = rules.Position{Line: at.Line, Column: at.Column}
	}
	return p
}

// ruleFiles expands the patterns of the rule files.
func (n *named) ruleFiles() {
	for i, pattern := range n.file.Config.RuleFiles {
		at := n.tree.at(fmt.Sprintf("rule_files[%d]", i))
		paths, err := filepath.Glob(pattern)
		switch {
		case err != nil:
			n.file.Problems = append(n.file.Problems, n.problem(at, fmt.Sprintf("%q is not a valid glob", pattern), `a "[" lacks its "]"`))
		case len(paths) == 0 && !strings.Contains(pattern, "*"):
			n.file.Problems = append(n.file.Problems, n.problem(at, fmt.Sprintf("there is no rule file %s", pattern),
				"paths are relative to the directory of this file"))
		case len(paths) == 0:
			n.warn(lint.MissingFile, at, fmt.Sprintf("%s matches no rule file", pattern), "paths are relative to the directory of this file")
		}
		for _, path := range paths {
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				n.file.Problems = append(n.file.Problems, n.problem(at, path+" is a directory",
					fmt.Sprintf("name the files in it: %s", filepath.Join(pattern, "*.yml"))))
				continue
			}
			if !slices.Contains(n.file.RuleFiles, path) {
				n.file.RuleFiles = append(n.file.RuleFiles, path)
			}
		}
	}
}

func (n *named) warn(name string, at *yaml.Node, msg, hint string) {
	p := n.problem(at, msg, hint)
	p.Lint = name
	n.file.Warnings = append(n.file.Warnings, p)
}

// must reports a file that is not there.
func (n *named) must(path string) {
	if path == "" || n.seen[path] {
		return
	}
	n.seen[path] = true
	if _, err := os.Stat(path); err != nil {
		n.file.Problems = append(n.file.Problems, n.problem(n.tree.naming(n.dir, path), path+": "+cause(err), ""))
	}
}

// should warns about a file that is not there.
func (n *named) should(path string, at *yaml.Node) {
	if n.seen[path] {
		return
	}
	n.seen[path] = true
	if _, err := os.Stat(path); err != nil {
		n.warn(lint.MissingFile, at, path+": "+cause(err), "")
	}
}

// discovered reads the files of file_sd_configs.
func (n *named) discovered(configs discovery.Configs) {
	for _, c := range configs {
		sd, ok := c.(*file.SDConfig)
		if !ok {
			continue
		}
		for _, pattern := range sd.Files {
			paths, err := filepath.Glob(pattern)
			if err != nil || len(paths) == 0 {
				n.warn(lint.MissingFile, n.tree.naming(n.dir, pattern), pattern+" matches no file with targets", "")
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
	content, problem := read(path)
	if problem != nil {
		n.others = append(n.others, *problem)
		return
	}
	var groups []*targetgroup.Group
	var err error
	if strings.EqualFold(filepath.Ext(path), ".json") {
		err = json.Unmarshal(content, &groups)
	} else {
		dec := yaml.NewDecoder(bytes.NewReader(content))
		dec.KnownFields(true)
		if err = dec.Decode(&groups); errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err == nil && slices.Contains(groups, nil) {
		err = errors.New("a target group is empty")
	}
	if err == nil {
		return
	}
	found := typeProblems(path, err)
	if len(found) == 0 {
		found = []rules.Problem{{File: path, Msg: message(err)}}
	}
	n.others = append(n.others, found...)
}

// scrapeIntervals warns about those between whose samples queries see nothing.
func (n *named) scrapeIntervals(scrapes []*config.ScrapeConfig, lookback time.Duration) {
	for i, s := range scrapes {
		if lookback == 0 || time.Duration(s.ScrapeInterval) < lookback {
			continue
		}
		var at *yaml.Node
		for _, path := range []string{fmt.Sprintf("scrape_configs[%d].scrape_interval", i), "global.scrape_interval", fmt.Sprintf("scrape_configs[%d]", i)} {
			if at = n.tree.at(path); at != nil {
				break
			}
		}
		n.warn(lint.LongScrape, at, fmt.Sprintf("job %q is scraped every %s, and a sample counts for less than %s: queries see gaps",
			s.JobName, s.ScrapeInterval, model.Duration(lookback)), "2m or less leaves room for a lost scrape")
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
