package configfile

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/prometheus/prometheus/config"
	"go.yaml.in/yaml/v2"

	"github.com/tocsin/tocsin/rules"
)

// maxSize bounds what is read: the file is read many times.
const maxSize = 4 << 20

var errTooLarge = fmt.Errorf("is larger than %d MiB", maxSize>>20)

// read reads one of the files that make the configuration.
func (s *sources) read(path string) ([]byte, *rules.Problem) {
	content, err := readBounded(path)
	s.content(path, content, err)
	if err != nil {
		return nil, &rules.Problem{File: path, Msg: cause(err), Err: err}
	}
	return content, nil
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err == nil && len(content) > maxSize {
		err = errTooLarge
	}
	if err != nil {
		return nil, err
	}
	return content, nil
}

// load is the reader whose word counts. It does not survive every empty entry of
// a list, and refuses the file then.
func load(text string) (cfg *config.Config, err error) {
	defer survive(&err)
	return config.Load(text, slog.New(slog.DiscardHandler))
}

// loadScrapes reads a file of scrape_config_files as the reader does when it has
// the rest of the configuration. jobs has the place of every job so far.
func loadScrapes(text string, global config.GlobalConfig, jobs map[string]string) (scrapes []*config.ScrapeConfig, err error) {
	defer survive(&err)
	var c config.ScrapeConfigs
	if err := yaml.UnmarshalStrict([]byte(text), &c); err != nil {
		return nil, err
	}
	here := map[string]bool{}
	for _, s := range c.ScrapeConfigs {
		if err := s.Validate(global); err != nil {
			return nil, err
		}
		if at, ok := jobs[s.JobName]; ok {
			return nil, fmt.Errorf("found multiple scrape configs with job name %q, the first one in %s", s.JobName, at)
		}
		if here[s.JobName] {
			return nil, fmt.Errorf("found multiple scrape configs with job name %q", s.JobName)
		}
		here[s.JobName] = true
	}
	return c.ScrapeConfigs, nil
}

var errCrash = errors.New("Prometheus crashes on this")

func survive(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w (%v)", errCrash, r)
	}
}
