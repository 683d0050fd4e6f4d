package configfile

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
)

// carried are the fields of every type of a configuration that Tocsin carries. Each
// other one has to be refused by name.
var carried = map[string]string{
	"config.Config": "global alerting rule_files scrape_config_files scrape_configs storage remote_write",
	"config.GlobalConfig": `scrape_interval scrape_timeout scrape_protocols evaluation_interval external_labels
		body_size_limit sample_limit target_limit label_limit label_name_length_limit label_value_length_limit keep_dropped_targets
		metric_name_validation_scheme metric_name_escaping_scheme scrape_native_histograms convert_classic_histograms_to_nhcb
		always_scrape_classic_histograms extra_scrape_metrics`,
	"config.ScrapeConfig": `job_name honor_labels honor_timestamps track_timestamps_staleness params scrape_interval scrape_timeout
		scrape_protocols fallback_scrape_protocol scrape_native_histograms always_scrape_classic_histograms convert_classic_histograms_to_nhcb
		metrics_path scheme enable_compression body_size_limit sample_limit target_limit label_limit label_name_length_limit
		label_value_length_limit native_histogram_bucket_limit native_histogram_min_bucket_factor keep_dropped_targets
		metric_name_validation_scheme metric_name_escaping_scheme extra_scrape_metrics relabel_configs metric_relabel_configs
		static_configs file_sd_configs dns_sd_configs docker_sd_configs dockerswarm_sd_configs` + httpClient,
	"config.AlertingConfig": "alert_relabel_configs alertmanagers",
	"config.AlertmanagerConfig": `scheme path_prefix timeout api_version relabel_configs alert_relabel_configs
		static_configs file_sd_configs dns_sd_configs docker_sd_configs dockerswarm_sd_configs` + httpClient,
	"config.RemoteWriteConfig": `url remote_timeout headers write_relabel_configs name send_native_histograms round_robin_dns
		protobuf_message queue_config metadata_config` + httpClient,
	"config.QueueConfig": `capacity max_shards min_shards max_samples_per_send batch_send_deadline min_backoff max_backoff
		retry_on_http_429 sample_age_limit`,
	"config.MetadataConfig":      "send send_interval max_samples_per_send",
	"config.StorageConfig":       "tsdb",
	"config.TSDBConfig":          "retention",
	"config.TSDBRetentionConfig": "time size",
	"config.BasicAuth":           "username username_file password password_file",
	"config.Authorization":       "type credentials credentials_file",
	"config.OAuth2": `client_id client_secret client_secret_file client_certificate_key_id client_certificate_key client_certificate_key_file
		grant_type signature_algorithm iss audience claims scopes token_url endpoint_params tls_config
		proxy_url no_proxy proxy_from_environment proxy_connect_header`,
	"config.TLSConfig":         "ca cert key ca_file cert_file key_file server_name insecure_skip_verify min_version max_version",
	"relabel.Config":           "source_labels separator regex modulus target_label replacement action",
	"dns.SDConfig":             "names refresh_interval type port",
	"file.SDConfig":            "files refresh_interval",
	"moby.DockerSDConfig":      "host port filters host_networking_host refresh_interval match_first_network" + httpClient,
	"moby.DockerSwarmSDConfig": "host role port filters refresh_interval" + httpClient,
	"moby.Filter":              "name values",
	"configfile.targetGroup":   "targets labels",
}

const httpClient = ` basic_auth authorization oauth2 bearer_token bearer_token_file tls_config follow_redirects enable_http2
	proxy_url no_proxy proxy_from_environment proxy_connect_header http_headers`

// Every field of Prometheus's configuration is carried or refused by name, so that
// none that a newer Prometheus brings is silently ignored.
func TestEveryFieldIsCarriedOrRefused(t *testing.T) {
	usedTypes, usedRefusals := map[string]bool{}, map[string]bool{}
	var walk func(typ reflect.Type, path string)
	walk = func(typ reflect.Type, path string) {
		fields := fieldsOf(typ)
		if len(fields) == 0 {
			return
		}
		list, known := carried[typ.String()]
		if !known {
			t.Errorf("%s: what of %s is carried?", path, typ)
			return
		}
		usedTypes[typ.String()] = true
		names := strings.Fields(list)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			at := join(path, name)
			r, isRefused := refused[at]
			usedRefusals[at] = isRefused
			switch isCarried := slices.Contains(names, name); {
			case !isCarried && !isRefused:
				t.Errorf("%s is neither carried nor refused: it would be ignored", at)
			case isCarried && isRefused && r.unless == "":
				t.Errorf("%s is both carried and refused", at)
			case isCarried:
				walk(fields[name], at)
			}
		}
		for _, name := range names {
			if _, ok := fields[name]; !ok {
				t.Errorf("%s has no field %s", typ, name)
			}
		}
	}
	walk(reflect.TypeFor[config.Config](), "")
	for name := range carried {
		if !usedTypes[name] {
			t.Errorf("%s is in no configuration", name)
		}
	}
	for path := range refused {
		if !usedRefusals[path] {
			t.Errorf("%s is refused, and there is no such field", path)
		}
	}
	if len(usedTypes) < 15 || len(usedRefusals) < 300 {
		t.Errorf("only %d types and %d fields were looked at", len(usedTypes), len(usedRefusals))
	}
}

// The discoveries that are named to the user are those that the reader knows.
func TestDiscoveriesAreRegistered(t *testing.T) {
	want := []string{}
	for _, name := range discovery.RegisteredConfigNames() {
		if name != "static" {
			want = append(want, name+"_sd_configs")
		}
	}
	if got := slices.Sorted(maps.Keys(discoveryTypes)); !slices.Equal(want, got) {
		t.Errorf("the reader knows %v, we name %v", want, got)
	}
}

// The documentation names what is refused, and no field is refused in silence.
func TestRefusalsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for path, r := range refused {
		if r.why == "" || r.instead == "" {
			t.Errorf("%s is refused without a word", path)
		}
		if name := path[strings.LastIndex(path, ".")+1:]; !strings.HasSuffix(name, "_ref") && !strings.Contains(string(doc), "`"+path+"`") {
			t.Errorf("docs/configuration.md lacks %s", path)
		}
	}
	for _, name := range discoveries() {
		if !strings.Contains(string(doc), "`"+name+"`") {
			t.Errorf("docs/configuration.md lacks %s", name)
		}
	}
}
