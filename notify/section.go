package notify

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
)

// pathLabel is where alerts are posted; relabelling may change it, as in Prometheus.
const pathLabel = "__alerts_path__"

// section is one entry of `alertmanagers` in the configuration file. It is immutable
// but for what Notifier.mu guards.
type section struct {
	name    string // as in the file: alertmanagers[0]
	place   int
	cfg     *config.AlertmanagerConfig
	static  []target
	finders []*finder // guarded by Notifier.mu
	dress   *dress    // guarded by Notifier.mu
}

// target is an Alertmanager that is to be there.
type target struct {
	access
	origin  string
	section *section // nil: it is of a setting
	finder  *finder  // nil: it is written down
}

// newSection reads everything that can be wrong with an entry, and connects to nothing.
func newSection(place int, cfg *config.AlertmanagerConfig) (*section, error) {
	s := &section{name: fmt.Sprintf("alertmanagers[%d]", place), place: place, cfg: cfg}
	fail := func(err error) error { return fmt.Errorf("alerting.%s: %w", s.name, err) }
	if cfg == nil {
		return nil, fail(errors.New("is empty"))
	}
	switch {
	case cfg.APIVersion != config.AlertmanagerAPIVersionV2:
		return nil, fail(fmt.Errorf("api_version %q: only v2 is spoken", cfg.APIVersion))
	case cfg.SigV4Config != nil:
		return nil, fail(errors.New("sigv4 is not carried"))
	case time.Duration(cfg.Timeout) <= 0:
		return nil, fail(errors.New("timeout must be positive"))
	}
	if _, err := newConfigured(cfg.HTTPClientConfig); err != nil {
		return nil, fail(err)
	}
	for _, sd := range cfg.ServiceDiscoveryConfigs {
		groups, ok := sd.(discovery.StaticConfig)
		if !ok {
			continue
		}
		for _, g := range groups {
			targets, err := s.targets(g, sd.Name(), nil)
			if err != nil {
				return nil, fail(err)
			}
			s.static = append(s.static, targets...)
		}
	}
	return s, nil
}

// targets are the Alertmanagers of a group that relabelling leaves, and what is wrong
// with the others.
func (s *section) targets(g *targetgroup.Group, origin string, f *finder) (targets []target, err error) {
	if g == nil {
		return nil, nil
	}
	var errs []error
	for _, ls := range g.Targets {
		ep, kept, err := s.endpoint(ls, g.Labels)
		if err != nil {
			errs = append(errs, err)
		} else if kept {
			a := access{ep: ep, timeout: time.Duration(s.cfg.Timeout), http: &s.cfg.HTTPClientConfig}
			targets = append(targets, target{access: a, origin: origin, section: s, finder: f})
		}
	}
	return targets, errors.Join(errs...)
}

// endpoint is where a target's alerts go after relabelling, unless that drops it.
func (s *section) endpoint(own, group model.LabelSet) (ep Endpoint, kept bool, err error) {
	b := labels.NewBuilder(labels.EmptyLabels())
	for name, value := range own {
		b.Set(string(name), string(value))
	}
	b.Set(model.SchemeLabel, s.cfg.Scheme)
	b.Set(pathLabel, path.Join("/", s.cfg.PathPrefix, apiPath, "alerts"))
	for name, value := range group {
		if _, ok := own[name]; !ok {
			b.Set(string(name), string(value))
		}
	}
	if !relabel.ProcessBuilder(b, s.cfg.RelabelConfigs...) {
		return Endpoint{}, false, nil
	}
	address := b.Get(model.AddressLabel)
	if address == "" || strings.ContainsAny(address, "/@?#") {
		return Endpoint{}, false, fmt.Errorf("%q is no address: give host:port, without http:// and a path", redactEntry(address))
	}
	ep, err = endpointAt(&url.URL{Scheme: b.Get(model.SchemeLabel), Host: address, Path: b.Get(pathLabel)})
	return ep, err == nil, err
}

// endpointAt is the endpoint whose alerts are posted to a URL.
func endpointAt(push *url.URL) (Endpoint, error) {
	parsed, err := url.Parse(push.String())
	if err != nil {
		return Endpoint{}, fmt.Errorf("%q is no address: give host:port", push.Host)
	}
	base := *parsed
	prefix, ok := strings.CutSuffix(base.EscapedPath(), apiPath+"/alerts")
	if !ok { // there is nothing but a path to post to
		ep := Endpoint{url: &base, name: base.String(), push: parsed}
		return ep, refuse(ep)
	}
	ep, err := parseURL(base.Scheme + "://" + base.Host + prefix)
	if err != nil {
		return Endpoint{}, err
	}
	return ep, nil
}

func refuse(ep Endpoint) error {
	if reason := refusal(ep.url); reason != "" {
		return badURL(ep.name, reason)
	}
	return nil
}

// dressed gives the section how its alerts are labelled. Called with Notifier.mu held.
func (s *section) dressed(base *dress) {
	s.dress = base
	if own := s.cfg.AlertRelabelConfigs; len(own) > 0 {
		s.dress = &dress{external: base.external, relabel: slices.Concat(base.relabel, own)}
	}
}

// current are the Alertmanagers that the section has now, and what is wrong with
// others that were found. Called with Notifier.mu held.
func (s *section) current() (targets []target, problems []string) {
	targets = slices.Clone(s.static)
	for _, f := range s.finders {
		for _, source := range slices.Sorted(maps.Keys(f.groups)) {
			found, err := s.targets(f.groups[source], f.cfg.Name(), f)
			targets = append(targets, found...)
			if err != nil {
				problems = append(problems, err.Error())
			}
		}
	}
	return targets, problems
}
