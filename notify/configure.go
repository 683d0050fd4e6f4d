package notify

import (
	"errors"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
)

// Configure takes over the `alerting` section of a configuration file, in place of
// the one before; the zero value is a file without one, or none. The Alertmanagers of
// Options.Endpoints stay beside it. On an error, which names the field, all is as it
// was. It may be called before, during and after Run, and should be called before
// Restore.
func (n *Notifier) Configure(cfg config.AlertingConfig) error {
	if len(cfg.AlertmanagerConfigs) > 0 || len(cfg.AlertRelabelConfigs) > 0 {
		return errors.New("alerting: not carried yet")
	}
	return nil
}

// SetExternalLabels replaces Options.ExternalLabels. What fires is ended under the
// labels that it had, and goes on under the new ones. It may be called at any time.
func (n *Notifier) SetExternalLabels(ls labels.Labels) {
	n.external = wellFormed(ls)
}
