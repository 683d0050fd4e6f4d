package main

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/tocsin/tocsin/notify"
	"github.com/tocsin/tocsin/web"
)

// settings are all settings, typed and checked.
type settings struct {
	pluginSocket string // empty: standalone

	rulesPath      string
	alertmanagers  []notify.Endpoint
	configPath     string
	dataPath       string
	metricsURL     *url.URL // nil: what answers is scraped
	scrapeInterval time.Duration
	evalInterval   time.Duration
	retentionTime  time.Duration
	retentionSize  int64
	memory         bool
	labels         []label
	listenAddress  string // empty: no page
	allowedHosts   []string
	httpReload     bool
	remoteWrite    bool
	webConfigFile  string
	// allowUnprotected: the page may listen beyond loopback without a password.
	allowUnprotected bool
	resendDelay      time.Duration
	holdLimit        time.Duration
	alertLimit       int
	plan             bool
	pauseHold        time.Duration
	selfAlerts       bool
	logLevel         string

	// shown is every setting as it is in effect, for the page.
	shown []web.Setting
}

// setting is one line of the settings table: one name, three places.
type setting struct {
	env, flag string
	// def is the default, pluginDef that inside the Docker engine if it differs.
	def, pluginDef string
	help           string
	parse          func(s *settings, value string) error
	// urls: the value may hold passwords, and the errors name the bad URLs
	// themselves; of a list the good ones stay in effect.
	urls bool
	// toggle: on or off, and the flag stands for on, as Prometheus's does.
	toggle bool
}

func (d setting) defaultIn(plugin bool) string {
	if plugin && d.pluginDef != "" {
		return d.pluginDef
	}
	return d.def
}

// The places of the mounts of config.json, and of its propagated mount.
const (
	pluginRules   = "/run/tocsin/rules"
	pluginConfig  = "/run/tocsin/config"
	pluginData    = "/data"
	pluginMetrics = "unix:///run/docker/metrics.sock"
)

// webConfigSetting guards the page.
const webConfigSetting = "WEB_CONFIG_FILE"

// table lists the settings in the order of the documentation. Every default is
// here, none in config.json: an upgrade of the plugin keeps the old environment
// and would never bring a new default from there.
func table() []setting {
	return []setting{
		{env: "RULES_PATH", flag: "rules.path", pluginDef: pluginRules, help: "rule files: a file, directory or glob; the bundled rules run if it names none", parse: parseRulesPath},
		{env: "ALERTMANAGER_URL", flag: "alertmanager.url", help: "Alertmanagers, comma separated: http://[user:password@]host:9093[/prefix]", parse: parseAlertmanagers, urls: true},
		{env: "CONFIG_PATH", flag: "config.file", pluginDef: pluginConfig, help: "Prometheus configuration file, or a directory with prometheus.yml", parse: parseString(func(s *settings) *string { return &s.configPath })},
		{env: "DATA_PATH", flag: "storage.path", def: "data", pluginDef: pluginData, help: "directory of samples and alert state", parse: parseString(func(s *settings) *string { return &s.dataPath })},
		{env: "SCRAPE_INTERVAL", flag: "scrape.interval", def: "15s", help: "time between two scrapes", parse: parseDuration(func(s *settings) *time.Duration { return &s.scrapeInterval })},
		{env: "EVALUATION_INTERVAL", flag: "evaluation.interval", def: "15s", help: "time between two evaluations of a group without an interval of its own", parse: parseDuration(func(s *settings) *time.Duration { return &s.evalInterval })},
		{env: "METRICS_URL", flag: "scrape.url", pluginDef: pluginMetrics, help: "what to scrape: unix:///path/of/socket or http(s)://host:port/path", parse: parseMetricsURL, urls: true},
		{env: "RETENTION_TIME", flag: "storage.retention.time", def: "15d", help: "how long samples are kept", parse: parseDuration(func(s *settings) *time.Duration { return &s.retentionTime })},
		{env: "RETENTION_SIZE", flag: "storage.retention.size", def: "512MB", help: "how many bytes of samples are kept", parse: parseSize},
		{env: "STORAGE_MODE", flag: "storage.mode", def: "disk", help: "disk, or memory: nothing but alert state is written", parse: parseMode},
		{env: "EXTERNAL_LABELS", flag: "external.labels", help: "labels of all that leaves this host, beside host and engine_id: name=value, comma separated; name= takes one away", parse: parseLabels},
		{env: listenSetting, flag: "web.listen-address", def: "127.0.0.1:9193", help: "address of API and page; off for neither", parse: parseListen},
		{env: webConfigSetting, flag: "web.config.file", help: "TLS and basic auth of the page, in the exporter-toolkit's format", parse: parseWebConfig},
		{env: "WEB_ALLOW_UNPROTECTED", flag: "web.allow-unprotected", def: "off", toggle: true, help: "API and page may listen beyond this machine without a password", parse: parseSwitch(func(s *settings) *bool { return &s.allowUnprotected })},
		{env: "WEB_ALLOWED_HOSTS", flag: "web.allowed-hosts", help: "host names beside this machine's own by which API and page may be asked for, comma separated: name, *.domain, or * for any", parse: parseHosts},
		{env: "WEB_ENABLE_LIFECYCLE", flag: "web.enable-lifecycle", def: "off", toggle: true, help: "POST /-/reload reads the rule files again", parse: parseSwitch(func(s *settings) *bool { return &s.httpReload })},
		{env: "WEB_ENABLE_REMOTE_WRITE_RECEIVER", flag: "web.enable-remote-write-receiver", def: "off", toggle: true, help: "POST /api/v1/write takes samples from others", parse: parseSwitch(func(s *settings) *bool { return &s.remoteWrite })},
		{env: "RESEND_DELAY", flag: "alert.resend-delay", def: "1m", help: "least time before an unchanged alert is sent again", parse: parseDuration(func(s *settings) *time.Duration { return &s.resendDelay })},
		{env: "HOLD_LIMIT", flag: "alert.hold-limit", def: "1h", help: "how long an alert is held when there is no fresh data", parse: parseDuration(func(s *settings) *time.Duration { return &s.holdLimit })},
		{env: "ALERT_LIMIT", flag: "alert.limit", def: "10000", help: "how many alerts there may be at once, of all rules together; more wait until others end", parse: parseAlertLimit},
		{env: "PAUSE_HOLD", flag: "alert.pause-hold", def: "15m", help: "how long Alertmanager keeps firing alerts over a pause", parse: parseDuration(func(s *settings) *time.Duration { return &s.pauseHold })},
		{env: "ENGINE_PLAN", flag: "engine.plan", def: "on", help: "on evaluates the rules as one compiled plan, off each by itself", parse: parseSwitch(func(s *settings) *bool { return &s.plan })},
		{env: "SELF_ALERTS", flag: "alert.self", def: "on", help: "Tocsin's own alerts and the dead man's switch: on or off", parse: parseSwitch(func(s *settings) *bool { return &s.selfAlerts })},
		{env: "LOG_LEVEL", flag: "log.level", def: "info", help: "debug, info, warn or error", parse: parseLevel},
	}
}

func hostname() string {
	h, err := os.Hostname()
	if err != nil || h == "" {
		return "localhost"
	}
	return h
}

// flags are what the command line gave.
type flags struct {
	pluginSocket string
	values       map[string]*string // by environment name
	set          map[string]*bool
}

// newFlags gives a command the flags of some settings, by name.
func newFlags(cmd *kingpin.CmdClause, names ...string) *flags {
	f := &flags{values: map[string]*string{}, set: map[string]*bool{}}
	for _, d := range table() {
		if !slices.Contains(names, d.env) {
			continue
		}
		help := d.help
		if d.def != "" {
			help += " (" + d.def + ")"
		}
		f.set[d.env], f.values[d.env] = new(bool), new(string)
		flag := cmd.Flag(d.flag, help+" ["+d.env+"]").PlaceHolder("VALUE").IsSetByUser(f.set[d.env])
		if d.toggle {
			flag.SetValue((*toggleValue)(f.values[d.env]))
		} else {
			flag.StringVar(f.values[d.env])
		}
	}
	return f
}

// newDaemonFlags gives a command the flags of all settings, and the plugin's own.
func newDaemonFlags(cmd *kingpin.CmdClause) *flags {
	var all []string
	for _, d := range table() {
		all = append(all, d.env)
	}
	f := newFlags(cmd, all...)
	cmd.Flag("plugin.socket", "serve the Docker engine's plugin protocol on this unix socket, and run between its StartMetrics and StopMetrics").
		PlaceHolder("PATH").StringVar(&f.pluginSocket)
	return f
}

// toggleValue is the value of a flag that is given without one.
type toggleValue string

func (v *toggleValue) String() string { return string(*v) }

// IsBoolFlag is for kingpin, which then sets "true", or "false" after --no-.
func (v *toggleValue) IsBoolFlag() bool { return true }

// Set takes kingpin's words for on and off.
func (v *toggleValue) Set(s string) error {
	*v = "off"
	if s == "true" {
		*v = "on"
	}
	return nil
}

// settingError is a setting that cannot be used as it was given.
type settingError struct {
	setting
	value, instead string
	err            error
}

func (e settingError) Error() string {
	is := " is "
	if e.urls {
		is = ": "
	}
	return fmt.Sprintf("setting %s (--%s)%s%s", e.env, e.flag, is, e.detail())
}

// detail is the error for where the setting's name stands beside it.
func (e settingError) detail() string {
	msg := fmt.Sprintf("%q: %v", e.value, e.err)
	if e.urls {
		msg = e.err.Error()
	}
	if e.instead != "" {
		msg += "; " + e.instead
	}
	return msg
}

// resolve takes every setting from the command line, else the environment, else
// its default. Empty means not set in the environment, where the Docker engine
// has no other way to take a setting back. A setting that cannot be used is a
// problem, and its default is in effect; so it is for one that the command does
// not have.
func resolve(f *flags, getenv func(string) string) (settings, []settingError) {
	s := settings{pluginSocket: f.pluginSocket}
	plugin := f.pluginSocket != ""
	var problems []settingError
	for _, d := range table() {
		value, source := d.defaultIn(plugin), "default"
		switch env := getenv(d.env); {
		case f.set[d.env] == nil:
		case *f.set[d.env]:
			value, source = *f.values[d.env], "flag"
		case env != "":
			value, source = env, "environment"
		}
		if err := d.parse(&s, value); err != nil {
			problems = append(problems, settingError{d, value, insteadOf(d, plugin), err})
			value, source = d.fallback(&s, plugin)
		}
		s.shown = append(s.shown, web.Setting{Name: d.env, Value: value, Source: source, Flag: d.flag})
	}
	if slices.ContainsFunc(problems, func(p settingError) bool { return p.env == webConfigSetting }) {
		s.listenAddress = "" // without what guards it the page stays off
	}
	if err := s.checkExposure(); err != nil {
		problems = append(problems, s.takeBack(listenSetting, err))
	}
	return s, problems
}

// isGiven tells whether a setting is somebody's, and not the default: then the
// configuration file does not change it.
func (s settings) isGiven(env string) bool {
	return slices.ContainsFunc(s.shown, func(x web.Setting) bool { return x.Name == env && x.Source != "default" })
}

// takeBack puts the default of a setting into effect that cannot go with the others.
func (s *settings) takeBack(env string, err error) settingError {
	plugin := s.pluginSocket != ""
	list := table()
	d := list[slices.IndexFunc(list, func(d setting) bool { return d.env == env })]
	shown := &s.shown[slices.IndexFunc(s.shown, func(x web.Setting) bool { return x.Name == env })]
	problem := settingError{d, shown.Value, insteadOf(d, plugin), err}
	shown.Value, shown.Source = d.fallback(s, plugin)
	return problem
}

// fallback puts the default into effect where the value could not be used.
func (d setting) fallback(s *settings, plugin bool) (value, source string) {
	if d.env == "ALERTMANAGER_URL" {
		return fmt.Sprint(s.alertmanagers), "default"
	}
	value = d.defaultIn(plugin)
	if err := d.parse(s, value); err != nil {
		panic(fmt.Sprintf("default of %s: %v", d.env, err)) // ours, and tested
	}
	return value, "default"
}

// insteadOf says what is in effect in a plugin, which runs on all the same.
func insteadOf(d setting, plugin bool) string {
	switch def := d.defaultIn(plugin); {
	case !plugin:
		return ""
	case d.env == webConfigSetting:
		return "the page stays off until it is"
	case d.env == "ALERTMANAGER_URL":
		return "only the Alertmanagers that are well written are used"
	case def == "":
		return "it is left unset"
	default:
		return "the default " + strings.TrimSpace(def) + " is used"
	}
}
