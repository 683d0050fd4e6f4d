package main

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"

	"github.com/tocsin/tocsin/configfile"
)

// runs is what would run with a configuration file, beside what runs without one.
// There are no secrets in it.
type runs struct {
	Jobs               []jobRun          `json:"jobs"`
	Alertmanagers      []found           `json:"alertmanagers"`
	RuleFiles          []string          `json:"ruleFiles"`
	RemoteWrites       []remoteWriteRun  `json:"remoteWrites"`
	EvaluationInterval string            `json:"evaluationInterval"`
	ExternalLabels     map[string]string `json:"externalLabels"`
}

type jobRun struct {
	Job            string `json:"job"`
	ScrapeInterval string `json:"scrapeInterval"`
	found
}

// found is where targets come from: written down, or by discovery.
type found struct {
	Targets     []string `json:"targets"`
	Discoveries []string `json:"discoveries"`
}

type remoteWriteRun struct {
	Name string `json:"name,omitempty"`
	URL  string `json:"url"`
}

// newRuns summarizes a file without problems; evaluation is the interval of groups
// without one of their own.
func newRuns(f configfile.File, evaluation time.Duration) *runs {
	// Lists are not null in JSON.
	r := &runs{
		Jobs: []jobRun{}, Alertmanagers: []found{}, RuleFiles: append([]string{}, f.RuleFiles...), RemoteWrites: []remoteWriteRun{},
		EvaluationInterval: model.Duration(evaluation).String(), ExternalLabels: f.Config.GlobalConfig.ExternalLabels.Map(),
	}
	for _, s := range f.Config.ScrapeConfigs {
		r.Jobs = append(r.Jobs, jobRun{s.JobName, s.ScrapeInterval.String(), newFound(s.ServiceDiscoveryConfigs)})
	}
	for _, a := range f.Config.AlertingConfig.AlertmanagerConfigs {
		r.Alertmanagers = append(r.Alertmanagers, newFound(a.ServiceDiscoveryConfigs))
	}
	for _, w := range f.Config.RemoteWriteConfigs {
		r.RemoteWrites = append(r.RemoteWrites, remoteWriteRun{w.Name, shownURL(*w.URL.URL)})
	}
	return r
}

func newFound(configs discovery.Configs) found {
	out := found{[]string{}, []string{}}
	for _, c := range configs {
		static, ok := c.(discovery.StaticConfig)
		if !ok {
			out.Discoveries = append(out.Discoveries, c.Name()+"_sd_configs")
			continue
		}
		for _, group := range static {
			for _, target := range group.Targets {
				out.Targets = append(out.Targets, string(target[model.AddressLabel]))
			}
		}
	}
	return out
}

// hiddenQuery stands for the parameters of a URL.
const hiddenQuery = "xxxxx"

// shownURL is without passwords, and without parameters, which may be tokens.
func shownURL(u url.URL) string {
	if u.RawQuery != "" {
		u.RawQuery = hiddenQuery
	}
	return u.Redacted()
}

func (f found) String() string {
	list := append(f.Targets[:len(f.Targets):len(f.Targets)], f.Discoveries...)
	if len(list) == 0 {
		return "no targets"
	}
	return strings.Join(list, ", ")
}

// print writes what would run, below the verdict.
func (r *runs) print(w io.Writer) {
	for _, j := range r.Jobs {
		fmt.Fprintf(w, "    job %s, every %s: %v\n", j.Job, j.ScrapeInterval, j.found)
	}
	for _, a := range r.Alertmanagers {
		fmt.Fprintf(w, "    alertmanagers: %v\n", a)
	}
	if len(r.RuleFiles) > 0 {
		fmt.Fprintf(w, "    rule files, every %s: %s\n", r.EvaluationInterval, strings.Join(r.RuleFiles, ", "))
	}
	for _, rw := range r.RemoteWrites {
		fmt.Fprintf(w, "    remote write: %s\n", rw.URL)
	}
}
