package scrape

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/scrape"
	"go.yaml.in/yaml/v3"
)

// Target is what is scraped, and the labels that its samples get.
type Target struct {
	// URL is unix:///path/of/socket (GET /metrics over it), or any http(s) URL,
	// with user and password if the target asks for them.
	URL *url.URL
	// Job and Instance become the labels job and instance.
	Job, Instance string
}

// ParseURL reads the URL of a target. The error says what form is expected.
func ParseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("not a URL; expected unix:///path/of/socket or http://host:port/metrics")
	}
	switch {
	case u.Scheme == "unix" && u.Host != "":
		return nil, fmt.Errorf("unix URL names a host %q: write three slashes, unix:///path/of/socket", u.Host)
	case u.Scheme == "unix" && !filepath.IsAbs(u.Path):
		return nil, errors.New("unix URL has no absolute path; expected unix:///path/of/socket")
	case u.Scheme == "unix":
		return u, nil
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("scheme %q is not one that can be scraped; expected unix:///path/of/socket or http://host:port/metrics", u.Scheme)
	case u.Hostname() == "":
		return nil, errors.New("URL has no host; expected http://host:port/metrics")
	case u.Fragment != "":
		return nil, errors.New("URL has a fragment (#...); expected http://host:port/metrics")
	}
	return u, nil
}

// Redacted is the URL without its password and its parameters, which may be one.
func (t Target) Redacted() string {
	u := *t.URL
	if u.RawQuery != "" {
		u.RawQuery = "xxxxx"
	}
	return u.Redacted()
}

// socketHost stands for the socket where HTTP wants a host; the engine does not
// look at it.
const socketHost = "localhost"

func (t Target) group() *targetgroup.Group {
	ls := model.LabelSet{
		model.AddressLabel:  model.LabelValue(t.URL.Host),
		model.InstanceLabel: model.LabelValue(t.Instance),
	}
	if t.URL.Scheme == "unix" {
		ls[model.AddressLabel] = socketHost
		ls[scrape.UnixSocketLabel] = model.LabelValue(t.URL.Path)
	}
	return &targetgroup.Group{Source: t.Job, Targets: []model.LabelSet{ls}}
}

// socket is for connections: all that is dialed is this target.
func (t Target) socket(string) (path string, ok bool) { return t.URL.Path, t.URL.Scheme == "unix" }

// timeout of one scrape.
func timeout(interval time.Duration) time.Duration { return min(interval, maxScrapeTimeout) }

// scrapeConfig goes through Prometheus's own loader, which alone fills in and
// checks everything that the manager relies on.
func scrapeConfig(opts Options) (*config.Config, error) {
	u := opts.Target.URL
	sc := map[string]any{
		"job_name":                 opts.Target.Job,
		"scrape_interval":          model.Duration(opts.Interval).String(),
		"scrape_timeout":           model.Duration(timeout(opts.Interval)).String(),
		"body_size_limit":          fmt.Sprintf("%dB", opts.BodySizeLimit),
		"sample_limit":             opts.SampleLimit,
		"label_limit":              labelLimit,
		"label_value_length_limit": labelValueLimit,
		"fallback_scrape_protocol": "PrometheusText0.0.4",
	}
	if u.Scheme != "unix" {
		sc["scheme"] = u.Scheme
		if u.Path != "" && u.Path != "/" {
			sc["metrics_path"] = u.Path
		}
		if len(u.Query()) > 0 {
			sc["params"] = map[string][]string(u.Query())
		}
		if u.User != nil {
			pw, _ := u.User.Password()
			sc["basic_auth"] = map[string]string{"username": u.User.Username(), "password": pw}
		}
	}
	text, err := yaml.Marshal(map[string]any{
		"global":         map[string]any{"scrape_interval": sc["scrape_interval"], "scrape_timeout": sc["scrape_timeout"]},
		"scrape_configs": []any{sc},
	})
	if err != nil {
		return nil, err
	}
	return config.Load(string(text), slog.New(slog.DiscardHandler))
}
