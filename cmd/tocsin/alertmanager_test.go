package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	amalert "github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/prometheus/common/model"
)

// Alertmanager's defaults.
const (
	groupWait      = 30 * time.Second
	groupInterval  = 5 * time.Minute
	resolveTimeout = 5 * time.Minute
)

// modelAM notifies as Alertmanager 0.34 does, in the time of a bubble: one group
// for each alert, group_wait and group_interval, its own merge of two states of an
// alert, no notification of what it only saw as resolved, and no memory across a
// restart.
type modelAM struct {
	// fault decides what becomes of a request; nil: nothing happens to it.
	fault func(call string) fault

	mu       sync.Mutex
	started  time.Time
	alerts   map[string]*amalert.Alert // guarded by mu, as all below
	groups   map[string]*amGroup
	notified []string // "NAME STARTSAT firing" or resolved, in order
}

// amGroup is a group of one alert.
type amGroup struct {
	timer   *time.Timer
	flushed bool
	there   bool // the alert is in it
	firing  bool // as the notification log has it
	updates int
}

// fault is what becomes of one call to the outside.
type fault string

const (
	fine           fault = ""
	fails          fault = "fails"
	hangs          fault = "hangs"
	doneButFails   fault = "done but reported failed"
	doneButHangs   fault = "done but hangs"
	badGateway     fault = "502"
	notFound       fault = "404"
	doneButGateway fault = "done but 502"
)

func newModelAM() *modelAM {
	am := &modelAM{fault: func(string) fault { return fine }}
	am.restart()
	return am
}

// restart loses everything, as on a new disk.
func (am *modelAM) restart() {
	am.mu.Lock()
	defer am.mu.Unlock()
	for _, g := range am.groups {
		g.timer.Stop()
	}
	am.started = time.Now()
	am.alerts, am.groups = map[string]*amalert.Alert{}, map[string]*amGroup{}
}

func (am *modelAM) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body.Close()
	}
	call := "post"
	if req.Method == http.MethodGet {
		call = "status"
	}
	f := am.fault(call)
	switch f {
	case fails:
		return nil, errors.New("connect: connection refused")
	case hangs:
		<-req.Context().Done()
		return nil, req.Context().Err()
	case badGateway:
		return reply(502, "text/html", "<h1>bad gateway</h1>"), nil
	case notFound:
		return reply(404, "text/plain", "404 page not found"), nil
	}
	res, err := am.serve(call, body)
	switch f {
	case doneButFails:
		return nil, errors.New("read: connection reset by peer")
	case doneButHangs:
		<-req.Context().Done()
		return nil, req.Context().Err()
	case doneButGateway:
		return reply(502, "text/html", "<h1>bad gateway</h1>"), nil
	}
	return res, err
}

func reply(code int, contentType, body string) *http.Response {
	return &http.Response{
		StatusCode: code, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {contentType}, "Date": {time.Now().UTC().Format(http.TimeFormat)}},
		Body:   io.NopCloser(strings.NewReader(body)),
	}
}

func (am *modelAM) serve(call string, body []byte) (*http.Response, error) {
	am.mu.Lock()
	defer am.mu.Unlock()
	if call == "status" {
		return reply(200, "application/json", fmt.Sprintf(`{"uptime":%q}`, am.started.Format(time.RFC3339Nano))), nil
	}
	var alerts models.PostableAlerts
	if err := json.Unmarshal(body, &alerts); err != nil {
		return nil, err
	}
	for _, a := range alerts {
		am.put(a)
	}
	return reply(200, "", ""), nil
}

// put is Alertmanager's way from the API to the group. Called with mu held.
func (am *modelAM) put(a *models.PostableAlert) {
	now := time.Now()
	name := a.Labels["alertname"]
	in := &amalert.Alert{UpdatedAt: now}
	in.Labels = model.LabelSet{"alertname": model.LabelValue(name)}
	in.StartsAt, in.EndsAt = time.Time(a.StartsAt), time.Time(a.EndsAt)
	if in.StartsAt.IsZero() {
		in.StartsAt = now
		if !in.EndsAt.IsZero() {
			in.StartsAt = in.EndsAt
		}
	}
	if in.EndsAt.IsZero() {
		in.Timeout, in.EndsAt = true, now.Add(resolveTimeout)
	}
	if old := am.alerts[name]; old != nil &&
		(in.EndsAt.After(old.StartsAt) && in.EndsAt.Before(old.EndsAt) || in.StartsAt.After(old.StartsAt) && in.StartsAt.Before(old.EndsAt)) {
		in = old.Merge(in)
	}
	am.alerts[name] = in
	g := am.groups[name]
	if g == nil {
		g = &amGroup{}
		g.timer = time.AfterFunc(groupWait, func() { am.flush(name, g) })
		am.groups[name] = g
	}
	g.there = true
	if !g.flushed && in.StartsAt.Add(groupWait).Before(now) {
		g.timer.Reset(0)
	}
}

// flush notifies of one group.
func (am *modelAM) flush(name string, g *amGroup) {
	am.mu.Lock()
	defer am.mu.Unlock()
	if am.groups[name] != g {
		return // of before a restart
	}
	g.flushed = true
	g.timer.Reset(groupInterval)
	a := am.alerts[name]
	if a == nil || !g.there {
		return
	}
	firing := a.EndsAt.After(time.Now())
	switch {
	case firing && !g.firing:
		am.notified = append(am.notified, am.line(name, a.StartsAt, "firing"))
	case !firing && g.firing:
		am.notified = append(am.notified, am.line(name, a.StartsAt, "resolved"))
	}
	g.firing, g.there = firing, firing
}

func (am *modelAM) line(name string, startsAt time.Time, state string) string {
	return fmt.Sprintf("%s %s %s", name, startsAt.UTC().Format("15:04:05"), state)
}

func (am *modelAM) seen() []string {
	am.mu.Lock()
	defer am.mu.Unlock()
	return append([]string(nil), am.notified...)
}
