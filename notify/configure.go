package notify

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/model/labels"
)

// Configure takes over the `alerting` section of a configuration file that was read by
// config.Load, in place of the one before; the zero value is a file without one, or no
// file. The Alertmanagers of Options.Endpoints stay beside it. Those that the section
// no longer has are dropped, with what they have not been told unless none is left that
// was there before; all others keep what they have. On an error, which names the
// field, all is as it was. It may be called from any goroutine, before, during and
// after Run, and should be called before Restore: as long as it has not been, what the
// process before has left is kept for whoever may be found.
func (n *Notifier) Configure(cfg config.AlertingConfig) error {
	n.configuring.Lock()
	defer n.configuring.Unlock()
	sections := make([]*section, 0, len(cfg.AlertmanagerConfigs))
	for i, c := range cfg.AlertmanagerConfigs {
		s, err := newSection(i, c)
		if err != nil {
			return err
		}
		sections = append(sections, s)
	}
	if err := n.clashes(sections); err != nil {
		return err
	}
	old := n.currentFinders()
	for _, s := range sections {
		if err := n.find(s, &old); err != nil {
			return err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	// From here on nothing fails.
	for _, f := range old {
		if f.cancel != nil {
			f.cancel()
			f.cancel = nil
		}
	}
	n.sections, n.relabel, n.configured = sections, cfg.AlertRelabelConfigs, true
	n.metrics.found.Reset()
	n.dress()
	n.reconcile(time.Now())
	return nil
}

// SetExternalLabels replaces Options.ExternalLabels. What fires is ended under the
// labels that it had, and goes on under the new ones. It may be called from any
// goroutine, at any time.
func (n *Notifier) SetExternalLabels(ls labels.Labels) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.external = wellFormed(ls)
	n.dress()
	n.reconcile(time.Now())
}

// dress makes the labelling of all sections anew. Called with mu held.
func (n *Notifier) dress() {
	n.base = &dress{external: n.external, relabel: n.relabel}
	for _, s := range n.sections {
		s.dressed(n.base)
	}
}

// find gives a section its discoveries. One that is configured as before goes on with
// what it knows, and is taken out of old.
func (n *Notifier) find(s *section, old *[]*finder) error {
	for _, sd := range s.cfg.ServiceDiscoveryConfigs {
		if _, ok := sd.(discovery.StaticConfig); ok {
			continue
		}
		if i := slices.IndexFunc(*old, func(f *finder) bool { return reflect.DeepEqual(f.cfg, sd) }); i >= 0 {
			s.finders = append(s.finders, (*old)[i])
			*old = slices.Delete(*old, i, i+1)
			continue
		}
		if n.finding == nil {
			metrics, err := newFinderMetrics()
			if err != nil {
				return fmt.Errorf("alerting: %w", err)
			}
			n.finding = metrics
		}
		f, err := newFinder(sd, s.name, n.finding, n.log)
		if err != nil {
			return fmt.Errorf("alerting.%s: %w", s.name, err)
		}
		s.finders = append(s.finders, f)
	}
	return nil
}

// clashes is what is wrong with the Alertmanagers that are written down, taken together.
func (n *Notifier) clashes(sections []*section) error {
	var all []target
	for _, ep := range n.opts.Endpoints {
		all = append(all, target{access: access{ep: ep, timeout: n.opts.Timeout}, origin: OriginSetting})
	}
	var errs []error
	for _, s := range sections {
		for _, t := range s.static {
			if err := clash(all, t); err != nil {
				errs = append(errs, fmt.Errorf("alerting.%s: %w", s.name, err))
			}
			all = append(all, t)
		}
	}
	return errors.Join(errs...)
}

// clash is an error if one of the others is the same Alertmanager, and spoken to in
// another way.
func clash(others []target, t target) error {
	for _, o := range others {
		switch {
		case !t.same(o):
		case o.section == nil && t.anonymous() && o.anonymous() && len(t.section.cfg.AlertRelabelConfigs) == 0:
		case o.section != nil && reflect.DeepEqual(o.http, t.http) && o.timeout == t.timeout &&
			reflect.DeepEqual(o.section.cfg.AlertRelabelConfigs, t.section.cfg.AlertRelabelConfigs):
		default:
			where := "ALERTMANAGER_URL"
			if o.section != nil {
				where = o.section.name
			}
			return fmt.Errorf("%s is listed in %s too, with different credentials or settings", t.ep.name, where)
		}
	}
	return nil
}

// same tells whether both are one Alertmanager: its URL without credentials.
func (t target) same(o target) bool { return bareURL(t.ep) == bareURL(o.ep) }

func bareURL(ep Endpoint) string {
	u := *ep.url
	u.User = nil
	return u.String()
}

// currentFinders are the discoveries that there are.
func (n *Notifier) currentFinders() []*finder {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.finders())
}

// finders are the discoveries of all sections. Called with mu held.
func (n *Notifier) finders() (all []*finder) {
	for _, s := range n.sections {
		all = append(all, s.finders...)
	}
	return all
}

// mayBeFound tells whether Alertmanagers may come that are not written down. Called
// with mu held.
func (n *Notifier) mayBeFound() bool { return !n.configured || len(n.finders()) > 0 }

// byName are the receivers. Called with mu held.
func (n *Notifier) byName() map[string]*sender {
	m := make(map[string]*sender, len(n.senders))
	for _, s := range n.senders {
		m[s.name] = s
	}
	return m
}

// anyLost tells whether one is kept that discovery does not show. Called with mu held.
func (n *Notifier) anyLost() bool {
	return slices.ContainsFunc(n.senders, func(s *sender) bool { return !s.lost.IsZero() })
}

// tellReceivers tells who the receivers are. Called with mu held.
func (n *Notifier) tellReceivers() {
	names := make([]string, len(n.senders))
	for i, s := range n.senders {
		names[i] = s.name
	}
	n.opts.Receivers(names)
}

// count counts the Alertmanagers that there are. Called with mu held.
func (n *Notifier) count() {
	there := 0
	for _, s := range n.senders {
		if s.access.ep.url != nil && s.lost.IsZero() {
			there++
		}
	}
	n.metrics.discovered.Set(float64(there))
}
