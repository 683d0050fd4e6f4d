package remotewrite

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"reflect"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
)

// build makes the remotes of a configuration, those that stay as they were being
// those that are there. Called with mu held.
func (w *Writer) build(cfgs []*config.RemoteWriteConfig, external labels.Labels) ([]*remote, error) {
	list := make([]*remote, 0, len(cfgs))
	keys := map[string]bool{}
	for i, cfg := range cfgs {
		if err := carried(cfg); err != nil {
			return nil, fmt.Errorf("remote_write %d: %w", i+1, err)
		}
		cfg = withDefaults(cfg)
		key := hash(cfg.URL.String())
		for n := 2; keys[key]; n++ {
			key = hash(fmt.Sprintf("%s %s %d", cfg.URL, cfg.Name, n))
		}
		keys[key] = true
		r := w.same(key, cfg, external)
		if r == nil {
			var err error
			if r, err = w.newRemote(key, cfg, external); err != nil {
				return nil, fmt.Errorf("remote_write %d, %s: %w", i+1, shown(cfg.URL.URL), err)
			}
		}
		list = append(list, r)
	}
	return list, nil
}

// same is the remote of an entry that has not changed, or nil.
func (w *Writer) same(key string, cfg *config.RemoteWriteConfig, external labels.Labels) *remote {
	for _, r := range w.current() {
		if r.key == key && labels.Equal(r.external, external) && reflect.DeepEqual(r.cfg, cfg) {
			return r
		}
	}
	return nil
}

func (w *Writer) newRemote(key string, cfg *config.RemoteWriteConfig, external labels.Labels) (*remote, error) {
	c, err := w.connect(cfg)
	if err != nil {
		return nil, err
	}
	name := cfg.Name
	if name == "" {
		name = key[:6]
	}
	now := w.opts.Now().UnixMilli()
	r := &remote{
		opts: &w.opts, cfg: cfg, external: external, key: key, client: c,
		queue:   newQueue(max(cfg.QueueConfig.Capacity, 2*cfg.QueueConfig.MaxSamplesPerSend)),
		log:     w.log.With("remote_name", name, "url", shown(cfg.URL.URL)),
		builder: labels.NewBuilder(labels.EmptyLabels()),
		status:  Status{Name: name, URL: shown(cfg.URL.URL)},
		mark:    now, done: now,
	}
	r.status.Protocol = version(r.protocol())
	return r, nil
}

// carried refuses what would not be done.
func carried(cfg *config.RemoteWriteConfig) error {
	if cfg == nil || cfg.URL == nil || cfg.URL.URL == nil {
		return errors.New("it has no url")
	}
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"sigv4", cfg.SigV4Config != nil},
		{"azuread", cfg.AzureADConfig != nil},
		{"google_iam", cfg.GoogleIAMConfig != nil},
		{"send_exemplars", cfg.SendExemplars},
		{"convert_nhcb_to_classic", cfg.ConvertNHCBToClassic},
		{"failed_request_logging", cfg.FailedRequestLogging},
	} {
		if f.set {
			return fmt.Errorf("%s is not carried: remove it", f.name)
		}
	}
	if m := cfg.ProtobufMessage; m != "" && m != remoteapi.WriteV1MessageType && m != remoteapi.WriteV2MessageType {
		return fmt.Errorf("protobuf_message %q is unknown", m)
	}
	if cfg.QueueConfig.MaxSamplesPerSend <= 0 {
		return errors.New("max_samples_per_send must be positive")
	}
	return nil
}

// withDefaults puts the default in the place of a zero that nothing can be done by:
// no time to wait at all is a request after the other without end.
func withDefaults(cfg *config.RemoteWriteConfig) *config.RemoteWriteConfig {
	c, def := *cfg, config.DefaultRemoteWriteConfig
	for _, d := range []struct{ of, def *model.Duration }{
		{&c.RemoteTimeout, &def.RemoteTimeout},
		{&c.QueueConfig.MinBackoff, &def.QueueConfig.MinBackoff},
		{&c.QueueConfig.MaxBackoff, &def.QueueConfig.MaxBackoff},
		{&c.MetadataConfig.SendInterval, &def.MetadataConfig.SendInterval},
	} {
		if *d.of <= 0 {
			*d.of = *d.def
		}
	}
	if c.MetadataConfig.MaxSamplesPerSend <= 0 {
		c.MetadataConfig.MaxSamplesPerSend = def.MetadataConfig.MaxSamplesPerSend
	}
	return &c
}

// shown is a URL without what may be a secret.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
