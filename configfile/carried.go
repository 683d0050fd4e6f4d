package configfile

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tocsin/tocsin/rules"
)

// refusal is a part of Prometheus's configuration that Tocsin does not carry.
type refusal struct {
	why, instead string
	// unless is the value that asks for nothing.
	unless string
}

// refused are the parts that are refused by name: a part that was ignored would do
// less than its author believes. What is in none of them is carried.
var refused = refusals()

func refusals() map[string]refusal {
	const secretElsewhere = "use the field that ends in _file"
	noQueryLimit := refusal{why: "is of Prometheus's query-cost feature, which Tocsin does not have", instead: "remove it"}
	noScrapeLog := refusal{why: "is not written by Tocsin", instead: "remove it; /api/v1/targets has the last error of every target"}
	noCloud := refusal{why: "is an authentication that Tocsin does not have", instead: "use basic_auth, authorization or oauth2, or a proxy that signs"}
	inOrder := refusal{why: "is not carried: the store takes the samples of a series in their order, as scrapes give them", instead: "remove it"}
	out := map[string]refusal{
		"global.query_log_file":                          {why: "is not written by Tocsin", instead: "remove it; /api/v1/rules has the duration of every evaluation"},
		"global.query_max_series":                        noQueryLimit,
		"global.query_max_samples_read":                  noQueryLimit,
		"global.query_max_duration":                      noQueryLimit,
		"global.rule_query_offset":                       {why: "is not a setting of all rules here", instead: "set query_offset in the groups that need it"},
		"global.scrape_failure_log_file":                 noScrapeLog,
		"scrape_configs.scrape_failure_log_file":         noScrapeLog,
		"runtime":                                        {why: "is set beside the file", instead: "remove it; LOG_LEVEL sets what is logged"},
		"tracing":                                        {why: "is not carried: Tocsin sends no traces", instead: "remove it"},
		"remote_read":                                    {why: "is not carried: rules read what this Tocsin has stored", instead: "remove it; evaluate rules over other data where that data is"},
		"otlp":                                           {why: "is not carried: Tocsin receives no OTLP", instead: "remove it; let the application be scraped, or send remote write"},
		"storage.exemplars":                              {why: "is not carried: Tocsin stores no exemplars", instead: "remove it"},
		"storage.tsdb.retention.percentage":              {why: "is not carried", instead: "set storage.tsdb.retention.size, in bytes"},
		"storage.tsdb.stale_series_compaction_threshold": {why: "is not carried", instead: "remove it"},
		"storage.tsdb.outofordertimewindow":              inOrder,
		"storage.tsdb.out_of_order_time_window":          inOrder,
		"storage.tsdb.chunk_encoding":                    {why: "is not carried", instead: "remove it"},
		"alerting.alertmanagers.sigv4":                   noCloud,
		"remote_write.sigv4":                             noCloud,
		"remote_write.azuread":                           noCloud,
		"remote_write.google_iam":                        noCloud,
		"remote_write.convert_nhcb_to_classic":           {why: "is not carried: histograms are sent as they are stored", instead: "remove it", unless: "false"},
		"remote_write.failed_request_logging":            {why: "is not carried: what fails is shown and counted", instead: "remove it; tocsin status and the page have the last error of every remote end", unless: "false"},
		"remote_write.send_exemplars":                    {why: "is not carried: Tocsin stores no exemplars", instead: "remove it", unless: "false"},
	}
	for _, client := range httpClients() {
		for _, ref := range []string{
			"basic_auth.username_ref", "basic_auth.password_ref", "authorization.credentials_ref",
			"oauth2.client_secret_ref", "oauth2.client_certificate_key_ref",
			"oauth2.tls_config.ca_ref", "oauth2.tls_config.cert_ref", "oauth2.tls_config.key_ref",
			"tls_config.ca_ref", "tls_config.cert_ref", "tls_config.key_ref",
		} {
			out[join(client, ref)] = refusal{why: "names a secret of a secret manager, and Tocsin has none", instead: secretElsewhere}
		}
	}
	return out
}

// httpClients are the parts that configure one, among the carried.
func httpClients() []string {
	out := []string{"remote_write"}
	for _, finder := range []string{"scrape_configs", "alerting.alertmanagers"} {
		out = append(out, finder, join(finder, "docker_sd_configs"), join(finder, "dockerswarm_sd_configs"))
	}
	return out
}

var index = regexp.MustCompile(`\[\d+\]`)

// withoutIndex is a path without the places in lists.
func withoutIndex(path string) string { return index.ReplaceAllString(path, "") }

// uncarried are the problems of a file that Prometheus would run, and Tocsin not as
// it is meant.
func (t *tree) uncarried(reserved []string) []rules.Problem {
	var found []rules.Problem
	t.each(func(p place) {
		add := func(msg, hint string) {
			// What several jobs have by an alias is written once.
			if !slices.ContainsFunc(found, func(f rules.Problem) bool { return f.Pos == p.pos() && f.Msg == msg }) {
				found = append(found, rules.Problem{File: t.path, Pos: p.pos(), Field: p.path, Msg: msg, Hint: hint})
			}
		}
		r, known := refused[withoutIndex(p.path)]
		switch {
		case known && p.key != nil && !isNull(p.value) && (r.unless == "" || p.value.Value != r.unless):
			add(r.why, r.instead)
		case isNull(p.value) && p.key == nil && p.path != "":
			add(emptyEntry, emptyHint)
		case p.key != nil && unusable(withoutIndex(p.path), p.value) != "":
			add(fmt.Sprintf("%q %s", p.value.Value, unusable(withoutIndex(p.path), p.value)), "")
		case receiverTarget.MatchString(p.path) && strings.HasPrefix(p.value.Value, unixTarget):
			add(fmt.Sprintf("%q is a socket, and an Alertmanager is reached over TCP only", p.value.Value), "write host:port")
		case jobName.MatchString(p.path) && slices.Contains(reserved, p.value.Value):
			add(fmt.Sprintf("%q is the name of a job of Tocsin's own", p.value.Value), "give the job another name")
		}
	})
	return found
}

// idle are fields that change nothing here.
var idle = map[string]string{
	"remote_write.queue_config.min_shards":        "one request at a time is under way to each remote end, which keeps samples in their order",
	"remote_write.queue_config.max_shards":        "one request at a time is under way to each remote end, which keeps samples in their order",
	"remote_write.queue_config.retry_on_http_429": "a remote end that asks to wait is asked again",
}

// idling warns of fields that change nothing.
func (t *tree) idling() (found []rules.Problem) {
	t.each(func(p place) {
		if why, ok := idle[withoutIndex(p.path)]; ok && p.key != nil {
			found = append(found, rules.Problem{File: t.path, Pos: p.pos(), Field: p.path, Msg: "has no effect: " + why, Lint: rules.LintIgnored})
		}
	})
	return found
}

// unusable tells what is wrong with a value that Prometheus finds out about when it
// uses it, and then logs.
func unusable(path string, n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		return ""
	}
	switch path {
	case "scrape_configs.scheme", "alerting.alertmanagers.scheme":
		if n.Value != "http" && n.Value != "https" {
			return "is not a scheme that can be spoken; expected http or https"
		}
	case "remote_write.url":
		u, err := url.Parse(n.Value)
		if err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
			return "is not where samples can be written; expected http://host:port/path or https://host:port/path"
		}
	}
	return ""
}

const (
	emptyEntry = "this entry of the list is empty"
	emptyHint  = "remove it, or write it out"
)

func isNull(n *yaml.Node) bool { return n != nil && n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

var (
	jobName        = regexp.MustCompile(`^scrape_configs\[\d+\]\.job_name$`)
	receiverTarget = regexp.MustCompile(`^alerting\.alertmanagers\[\d+\]\.static_configs\[\d+\]\.targets\[\d+\]$`)
)

// besides leaves out what was found in a part that is refused as a whole, or at the
// place of another problem: one mistake is one problem.
func besides(refusals, found []rules.Problem) []rules.Problem {
	return slices.DeleteFunc(found, func(p rules.Problem) bool {
		return slices.ContainsFunc(refusals, func(r rules.Problem) bool {
			return p.Pos == r.Pos || p.Field == r.Field || within(p.Field, r.Field)
		})
	})
}
