package configfile

import (
	"fmt"

	"github.com/prometheus/prometheus/config"

	"github.com/tocsin/tocsin/rules"
)

// scrapeFiles reads the files of scrape_config_files, and adds their jobs to those
// of the configuration.
func (n *named) scrapeFiles() {
	cfg, main := n.file.Config, n.tree
	jobs := map[string]string{}
	for _, s := range cfg.ScrapeConfigs {
		jobs[s.JobName] = main.path
	}
	for i, pattern := range cfg.ScrapeConfigFiles {
		// Prometheus passes over a name that is not there; its jobs would be missed.
		n.tree = main
		at, _ := main.at(fmt.Sprintf("scrape_config_files[%d]", i))
		if n.Carried && pattern == "" {
			continue // an empty entry, which is a problem of its own
		}
		paths := n.expand(pattern, at, "file with scrape_configs", n.Carried)
		n.file.sources.matches(pattern, paths)
		for _, path := range paths {
			more := n.scrapeFile(path, jobs)
			for _, s := range more {
				jobs[s.JobName] = path
			}
			cfg.ScrapeConfigs = append(cfg.ScrapeConfigs, more...)
		}
	}
	n.tree, cfg.ScrapeConfigFiles = main, nil
}

// scrapeFile reads one of them; jobs are those that there are.
func (n *named) scrapeFile(path string, jobs map[string]string) (scrapes []*config.ScrapeConfig) {
	content, problem := n.file.sources.read(path)
	if problem != nil {
		n.others = append(n.others, *problem)
		return nil
	}
	read := func(text string) (err error) {
		scrapes, err = loadScrapes(text, n.file.Config.GlobalConfig, jobs)
		return err
	}
	t, problem := newTree(path, content, n.Carried, read)
	if problem != nil {
		n.others = append(n.others, *problem)
		return nil
	}
	var found []rules.Problem
	if n.Carried {
		found = t.uncarried(n.Reserved)
	}
	if err := read(t.text()); err != nil {
		found = append(found, besides(found, t.locate(err))...)
		t.redact(found)
		rules.SortProblems(found)
		n.others = append(n.others, found...)
		return nil
	}
	t.redact(found)
	n.others = append(n.others, found...)
	restoreSockets(scrapes)
	for _, s := range scrapes {
		s.SetDirectory(t.dir())
	}
	n.tree = t
	n.scrapeIntervals(scrapes)
	n.jobs(scrapes)
	n.mentioned()
	return scrapes
}
