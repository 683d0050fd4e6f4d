package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"

	"github.com/tocsin/tocsin/notify"
	"github.com/tocsin/tocsin/scrape"
)

func parseString(field func(*settings) *string) func(*settings, string) error {
	return func(s *settings, v string) error {
		*field(s) = v
		return nil
	}
}

func parseRulesPath(s *settings, v string) error {
	s.rulesPath = v
	return nil
}

func parseDuration(field func(*settings) *time.Duration) func(*settings, string) error {
	return func(s *settings, v string) error {
		d, err := model.ParseDuration(v)
		if err != nil || d <= 0 {
			return errors.New("expected a duration above zero such as 15s, 5m, 1h30m or 15d")
		}
		*field(s) = time.Duration(d)
		return nil
	}
}

// leastRetention is the smallest size that leaves rules their windows beside the
// log and the block that comes of it.
const leastRetention = 16 << 20

func parseSize(s *settings, v string) error {
	n, err := units.ParseBase2Bytes(v)
	if err != nil || n < 0 {
		return errors.New("expected a size such as 256MB or 2GB, or 0 for no limit")
	}
	if n > 0 && n < leastRetention {
		return errors.New("expected at least 16MB, as rules would find next to nothing in less, or 0 for no limit")
	}
	s.retentionSize = int64(n)
	return nil
}

func parseMode(s *settings, v string) error {
	if v != "disk" && v != "memory" {
		return errors.New("expected disk or memory")
	}
	s.memory = v == "memory"
	return nil
}

func parseAlertLimit(s *settings, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return errors.New("expected a number of alerts such as 10000")
	}
	s.alertLimit = n
	return nil
}

func parseSwitch(field func(*settings) *bool) func(*settings, string) error {
	return func(s *settings, v string) error {
		if v != "on" && v != "off" {
			return errors.New("expected on or off")
		}
		*field(s) = v == "on"
		return nil
	}
}

func parseLevel(s *settings, v string) error {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, v) {
		return errors.New("expected debug, info, warn or error")
	}
	s.logLevel = v
	return nil
}

// parseAlertmanagers keeps the good ones of a list with bad ones: an alert that
// reaches one receiver is worth more than order.
func parseAlertmanagers(s *settings, v string) error {
	good, err := notify.ParseURLs(v)
	s.alertmanagers = good
	return err
}

func parseMetricsURL(s *settings, v string) error {
	s.metricsURL = nil
	if v == "" {
		return nil
	}
	u, err := scrape.ParseURL(v)
	if err != nil {
		return err
	}
	s.metricsURL = u
	return nil
}

// parseLabels reads name=value pairs; a value may contain = but no comma. One without
// a value takes away the label that would be there without it.
func parseLabels(s *settings, v string) error {
	var given []label
	for pair := range strings.SplitSeq(v, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case !ok:
			return fmt.Errorf("%q has no value: expected name=value, comma separated", pair)
		case !model.LegacyValidation.IsValidLabelName(name) || name == model.MetricNameLabel || !model.LabelValue(value).IsValid():
			return fmt.Errorf("%q is no label name: expected letters, digits and _ only, as in host=edge7,site=north", name)
		case slices.ContainsFunc(given, func(l label) bool { return l.name == name }):
			return fmt.Errorf("label %q is there twice", name)
		}
		given = append(given, label{name, value})
	}
	s.labels = given
	return nil
}

func parseListen(s *settings, v string) error {
	if v == "" || v == "off" {
		s.listenAddress = ""
		return nil
	}
	_, port, err := net.SplitHostPort(v)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return errors.New("expected host:port such as 127.0.0.1:9193 or :9193, or off")
	}
	s.listenAddress = v
	return nil
}

// hostPattern is a host name, one below a domain, or any.
var hostPattern = regexp.MustCompile(`^(\*|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?)$`)

func parseHosts(s *settings, v string) error {
	var hosts []string
	for name := range strings.SplitSeq(v, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !hostPattern.MatchString(name) {
			return fmt.Errorf("%q is no host name: expected names without scheme and port such as tocsin.example.com or *.example.com, comma separated, or * for any", name)
		}
		hosts = append(hosts, name)
	}
	s.allowedHosts = hosts
	return nil
}

func parseWebConfig(s *settings, v string) error {
	s.webConfigFile = ""
	if v == "" {
		return nil
	}
	if s.pluginSocket != "" && !filepath.IsAbs(v) {
		v = filepath.Join(pluginConfig, v) // what CONFIG_PATH mounts is all of the host that is there
	}
	if _, err := os.Stat(v); err != nil {
		return fmt.Errorf("expected a file that can be read: %w", err)
	}
	if err := checkWebConfig(v); err != nil {
		return err
	}
	s.webConfigFile = v
	return nil
}
