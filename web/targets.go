package web

import (
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

type apiTargets struct {
	Active  []apiTarget    `json:"activeTargets"`
	Dropped []struct{}     `json:"droppedTargets"`
	Counts  map[string]int `json:"droppedTargetCounts"`
}

type apiTarget struct {
	DiscoveredLabels   labels.Labels `json:"discoveredLabels"`
	Labels             labels.Labels `json:"labels"`
	ScrapePool         string        `json:"scrapePool"`
	ScrapeURL          string        `json:"scrapeUrl"`
	GlobalURL          string        `json:"globalUrl"`
	LastError          string        `json:"lastError"`
	LastScrape         time.Time     `json:"lastScrape"`
	LastScrapeDuration float64       `json:"lastScrapeDuration"`
	Health             Health        `json:"health"`
	ScrapeInterval     string        `json:"scrapeInterval"`
	ScrapeTimeout      string        `json:"scrapeTimeout"`
}

// targets lists what is scraped. Of what relabelling drops there is the number alone.
func (h *Handler) targets(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	pool, state := q.Get("scrapePool"), strings.ToLower(q.Get("state"))
	all := state == "" || state == "any"
	out := apiTargets{Active: []apiTarget{}, Dropped: []struct{}{}}
	if all || state == "dropped" {
		out.Counts = map[string]int{}
	}
	st := h.opts.Status()
	for i := range st.Targets {
		t := &st.Targets[i]
		if out.Counts != nil {
			out.Counts[t.Job] = 0
		}
		if (all || state == "active") && (pool == "" || pool == t.Job) {
			out.Active = append(out.Active, h.target(t))
		}
	}
	if out.Counts != nil {
		maps.Copy(out.Counts, st.Dropped)
	}
	h.respond(w, out)
}

func (h *Handler) target(t *Target) apiTarget {
	address := redact(t.ScrapeURL)
	return apiTarget{
		DiscoveredLabels:   t.Discovered,
		Labels:             t.Labels,
		ScrapePool:         t.Job,
		ScrapeURL:          address,
		GlobalURL:          h.globalURL(address),
		LastError:          redact(t.LastError),
		LastScrape:         t.LastScrape,
		LastScrapeDuration: t.LastScrapeDuration.Seconds(),
		Health:             t.Health,
		ScrapeInterval:     model.Duration(t.Interval).String(),
		ScrapeTimeout:      model.Duration(t.Timeout).String(),
	}
}

// globalURL is a URL as others reach it: on this host by the host's name, and
// ourselves by our own address.
func (h *Handler) globalURL(address string) string {
	u, err := url.Parse(address)
	own := h.opts.ExternalURL
	if err != nil || own.Host == "" || !slices.Contains([]string{"127.0.0.1", "localhost", "::1"}, u.Hostname()) {
		return address
	}
	switch port := u.Port(); port {
	case own.Port():
		u.Scheme, u.Host = own.Scheme, own.Host
	case "":
		u.Host = own.Hostname()
	default:
		u.Host = net.JoinHostPort(own.Hostname(), port)
	}
	return u.String()
}

type apiAlertmanagers struct {
	Active  []apiAlertmanager `json:"activeAlertmanagers"`
	Dropped []apiAlertmanager `json:"droppedAlertmanagers"`
}

type apiAlertmanager struct {
	URL string `json:"url"`
}

// alertmanagers lists where alerts are sent to: the whole address, without
// passwords.
func (h *Handler) alertmanagers(w http.ResponseWriter, _ *http.Request) {
	out := apiAlertmanagers{Active: []apiAlertmanager{}, Dropped: []apiAlertmanager{}}
	for _, a := range h.opts.Status().Alertmanagers {
		if a.URL == "" {
			continue // it is yet to be found
		}
		address := redact(a.URL)
		if u, err := url.Parse(a.URL); err == nil {
			u.User = nil
			address = u.JoinPath("api/v2/alerts").String()
		}
		out.Active = append(out.Active, apiAlertmanager{address})
	}
	h.respond(w, out)
}
