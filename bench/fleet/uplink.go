package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// late is the annotation of a late report.
const late = "late_delivery"

// posted is one alert of a request.
type posted struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

// key is by what a host's alerts are told apart.
func (p posted) key() string { return p.Labels["alertname"] + "/" + p.Labels["name"] }

// uplink is the way from one host to its Alertmanagers: it keeps the books of what
// passes.
type uplink struct {
	record *record
	next   http.RoundTripper
	books  map[string]*book // by the host of an Alertmanager's URL
}

func newUplink(r *record, next http.RoundTripper) *uplink {
	return &uplink{record: r, next: next, books: map[string]*book{}}
}

// RoundTrip implements http.RoundTripper.
func (u *uplink) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	var alerts []posted
	if req.Method == http.MethodPost {
		var err error
		body, err = io.ReadAll(req.Body)
		if err == nil {
			err = json.Unmarshal(body, &alerts)
		}
		if err != nil {
			return nil, fmt.Errorf("read what is posted: %w", err)
		}
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	sent := time.Now() // what an alert says is judged by then: an answer may be late
	res, err := u.next.RoundTrip(req)
	if err != nil {
		u.record.failed()
		return nil, err
	}
	u.record.passed(u, req, res.StatusCode, alerts, sent, len(body))
	return res, nil
}
