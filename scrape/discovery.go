package scrape

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/dns"
	"github.com/prometheus/prometheus/discovery/file"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"go.yaml.in/yaml/v3"
)

// A discovery manager shows no difference between a discovery that has found no
// targets and one that has not answered yet, and only the first is evidence that
// targets are gone. So each discovery adds one group of its own to its first whole
// answer; whoever gets the groups counts these, and takes them out.
const answerSource = "tocsin: this discovery has answered"

func answer() *targetgroup.Group {
	return &targetgroup.Group{Source: answerSource, Targets: []model.LabelSet{{}}}
}

// withoutAnswers are the groups of discoveries, and how many of these have answered.
func withoutAnswers(groups []*targetgroup.Group) (rest []*targetgroup.Group, answered int) {
	for _, g := range groups {
		if g.Source == answerSource {
			answered++
		} else {
			rest = append(rest, g)
		}
	}
	return rest, answered
}

// announced makes discoveries say when they have answered. One that is there twice is
// there once: the manager runs it once.
func announced(list discovery.Configs) discovery.Configs {
	var distinct discovery.Configs
	for _, c := range list {
		if !slices.ContainsFunc(distinct, func(have discovery.Config) bool { return reflect.DeepEqual(have, announcing{c}) }) {
			distinct = append(distinct, announcing{c})
		}
	}
	return distinct
}

// announcing is a discovery that says when it has answered.
type announcing struct{ discovery.Config }

// NewDiscoverer implements discovery.Config.
func (a announcing) NewDiscoverer(o discovery.DiscovererOptions) (discovery.Discoverer, error) {
	d, err := a.Config.NewDiscoverer(o)
	if err != nil {
		return nil, err
	}
	idle, whole := awaited(a.Config)
	return announcer{d, idle, whole}, nil
}

type announcer struct {
	discovery.Discoverer
	idle  bool                            // there is nothing to wait for
	whole func([]*targetgroup.Group) bool // asked after each update
}

// Run implements discovery.Discoverer.
func (a announcer) Run(ctx context.Context, up chan<- []*targetgroup.Group) {
	send := func(groups []*targetgroup.Group) {
		select {
		case <-ctx.Done():
		case up <- groups:
		}
	}
	updates := make(chan []*targetgroup.Group)
	go a.Discoverer.Run(ctx, updates)
	answered := a.idle
	if answered {
		send([]*targetgroup.Group{answer()})
	}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case groups, open := <-updates:
			if !open {
				<-ctx.Done() // what it said stays said
				return
			}
			if !answered && a.whole(groups) {
				answered = true
				groups = append(slices.Clone(groups), answer())
			}
			send(groups)
		}
	}
}

// awaited tells of a discovery whether there is nothing to wait for, and with which
// update it has answered for all that it asks.
func awaited(c discovery.Config) (idle bool, whole func(update []*targetgroup.Group) bool) {
	switch c := c.(type) {
	case *dns.SDConfig:
		return false, wholeDNS(c.Names)
	case *file.SDConfig:
		whole := wholeFiles(c.Files)
		return whole(nil), whole
	}
	return false, func([]*targetgroup.Group) bool { return true }
}

// wholeDNS waits for each name: an update lacks those whose servers do not answer.
func wholeDNS(names []string) func([]*targetgroup.Group) bool {
	missing := map[string]bool{}
	for _, n := range names {
		missing[n] = true
	}
	return func(update []*targetgroup.Group) bool {
		for _, g := range update {
			delete(missing, g.Source)
		}
		return len(missing) == 0
	}
}

// fileLabel names the file that a target comes from.
const fileLabel = model.MetaLabelPrefix + "filepath"

// wholeFiles waits for each file that there is: an update is of one file, and one that
// cannot be read has none.
func wholeFiles(patterns []string) func([]*targetgroup.Group) bool {
	seen := map[string]bool{}
	return func(update []*targetgroup.Group) bool {
		for _, g := range update {
			seen[string(g.Labels[fileLabel])] = true
		}
		for _, p := range patterns {
			paths, _ := filepath.Glob(p) // a bad pattern has no files
			for _, path := range paths {
				if !seen[path] && !isEmptyList(path) {
					return false
				}
			}
		}
		return true
	}
}

// isEmptyList tells whether a file, of YAML or JSON, lists nothing.
func isEmptyList(path string) bool {
	content, err := os.ReadFile(path)
	var list []any
	return err == nil && yaml.Unmarshal(content, &list) == nil && len(list) == 0
}

// isStatic: all targets are in the configuration itself.
func isStatic(list discovery.Configs) bool {
	return !slices.ContainsFunc(list, func(c discovery.Config) bool {
		_, ok := c.(discovery.StaticConfig)
		return !ok
	})
}

// staticGroups are those that are in the configuration itself.
func staticGroups(list discovery.Configs) []*targetgroup.Group {
	var groups []*targetgroup.Group
	for _, c := range list {
		if static, ok := c.(discovery.StaticConfig); ok {
			groups = append(groups, static...)
		}
	}
	return groups
}

// merged are the groups of the update, and of those before it that it does not have
// anew.
func merged(before, update []*targetgroup.Group) []*targetgroup.Group {
	anew := map[string]bool{}
	for _, g := range update {
		anew[g.Source] = true
	}
	all := slices.Clone(update)
	for _, g := range before {
		if !anew[g.Source] {
			all = append(all, g)
		}
	}
	return all
}
