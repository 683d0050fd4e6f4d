package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-openapi/strfmt"
	amalert "github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

// outcome is what a fake Alertmanager does with one request.
type outcome func(am *fakeAM, req *http.Request, body []byte) (*http.Response, error)

// fakeAM stands at the network's edge in place of one Alertmanager. It judges
// alerts with Alertmanager's own validation.
type fakeAM struct {
	mu       sync.Mutex
	script   []outcome // for the requests to come; accept when used up
	fallback outcome   // instead of accept
	requests []request
	state    map[string]*models.PostableAlert // latest stored, by alertname
	known    map[string]*models.PostableAlert // the same by all labels
	asked    int                              // requests for its status
	status   outcome                          // what becomes of these; its status if nil
	started  time.Time                        // when it began
	ahead    time.Duration                    // how far its clock is ahead
	dated    bool                             // its replies say what time it is there
}

// request is what the fake saw.
type request struct {
	at     time.Time
	header http.Header
	method string
	url    string
	body   string
	alerts []string // the alertname and state of each
}

func (am *fakeAM) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := am.roundTrip(req)
	am.mu.Lock()
	defer am.mu.Unlock()
	if err == nil && am.dated {
		res.Header.Set("Date", time.Now().Add(am.ahead).UTC().Format(http.TimeFormat))
	}
	return res, err
}

// tell answers a request for the status.
func (am *fakeAM) tell(req *http.Request) (*http.Response, error) {
	am.mu.Lock()
	am.asked++
	do, started := am.status, am.started
	am.mu.Unlock()
	if do != nil {
		return do(am, req, nil)
	}
	return answer(http.StatusOK, "application/json", fmt.Sprintf(`{"config":{"original":""},"uptime":%q}`, started.Format(time.RFC3339Nano))), nil
}

func (am *fakeAM) roundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, "/api/v2/status") {
		return am.tell(req)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.Body.Close()
	var alerts models.PostableAlerts
	if err := json.Unmarshal(body, &alerts); err != nil {
		return nil, err
	}
	var names []string
	now := time.Now()
	for _, a := range alerts {
		state := "firing"
		if end := time.Time(a.EndsAt); !end.IsZero() && !end.After(now) {
			state = "resolved"
		}
		names = append(names, a.Labels["alertname"]+" "+state)
	}
	am.mu.Lock()
	am.requests = append(am.requests, request{now, req.Header, req.Method, req.URL.String(), string(body), names})
	do := am.fallback
	if do == nil {
		do = accept
	}
	if len(am.script) > 0 {
		do, am.script = am.script[0], am.script[1:]
	}
	am.mu.Unlock()
	return do(am, req, body)
}

// then appends to the script.
func (am *fakeAM) then(script ...outcome) {
	am.mu.Lock()
	defer am.mu.Unlock()
	am.script = append(am.script, script...)
}

func (am *fakeAM) got() []request {
	am.mu.Lock()
	defer am.mu.Unlock()
	return append([]request(nil), am.requests...)
}

// batches is what each request carried.
func (am *fakeAM) batches() [][]string {
	var out [][]string
	for _, r := range am.got() {
		out = append(out, r.alerts)
	}
	return out
}

func (am *fakeAM) stored(name string) *models.PostableAlert {
	am.mu.Lock()
	defer am.mu.Unlock()
	return am.state[name]
}

// store keeps the valid alerts and returns why the others are not.
func (am *fakeAM) store(body []byte) error {
	var alerts models.PostableAlerts
	if err := json.Unmarshal(body, &alerts); err != nil {
		return err
	}
	if err := alerts.Validate(strfmt.Default); err != nil {
		return err
	}
	am.mu.Lock()
	defer am.mu.Unlock()
	if am.state == nil {
		am.state, am.known = map[string]*models.PostableAlert{}, map[string]*models.PostableAlert{}
	}
	var errs []error
	for _, a := range alerts {
		var v amalert.Alert
		v.Labels, v.Annotations = model.LabelSet{}, model.LabelSet{}
		for name, value := range a.Labels {
			v.Labels[model.LabelName(name)] = model.LabelValue(value)
		}
		v.StartsAt, v.EndsAt = time.Time(a.StartsAt), time.Time(a.EndsAt)
		if v.StartsAt.IsZero() && v.EndsAt.IsZero() {
			v.StartsAt = time.Now() // Alertmanager's
		}
		err := v.Validate()
		if err == nil && strings.HasPrefix(a.Labels["alertname"], "Bad") {
			err = fmt.Errorf("bad alert %s", a.Labels["alertname"])
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		am.state[a.Labels["alertname"]], am.known[v.Labels.String()] = a, a
	}
	return errors.Join(errs...)
}

func answer(status int, contentType, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {contentType}},
		Body:   io.NopCloser(strings.NewReader(body)),
	}
}

// accept behaves as Alertmanager does.
func accept(am *fakeAM, _ *http.Request, body []byte) (*http.Response, error) {
	if err := am.store(body); err != nil {
		text, _ := json.Marshal(err.Error())
		return answer(http.StatusBadRequest, "application/json", string(text)), nil
	}
	return answer(http.StatusOK, "", ""), nil
}

// fail never arrives.
func fail(*fakeAM, *http.Request, []byte) (*http.Response, error) {
	return nil, errors.New("dial tcp 192.0.2.1:9093: connect: no route to host")
}

// hang never arrives and never answers.
func hang(_ *fakeAM, req *http.Request, _ []byte) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// hangAfter arrives, and the reply does not.
func hangAfter(am *fakeAM, req *http.Request, body []byte) (*http.Response, error) {
	_ = am.store(body)
	return hang(am, req, body)
}

// failAfter arrives, and is reported failed.
func failAfter(am *fakeAM, _ *http.Request, body []byte) (*http.Response, error) {
	_ = am.store(body)
	return nil, errors.New("read tcp: connection reset by peer")
}

func status(code int, contentType, body string) outcome {
	return func(*fakeAM, *http.Request, []byte) (*http.Response, error) {
		return answer(code, contentType, body), nil
	}
}

func statusAfter(code int) outcome {
	return func(am *fakeAM, _ *http.Request, body []byte) (*http.Response, error) {
		_ = am.store(body)
		return answer(code, "text/html", "<h1>bad gateway</h1>"), nil
	}
}

// slow answers after d what next answers.
func slow(d time.Duration, next outcome) outcome {
	return func(am *fakeAM, req *http.Request, body []byte) (*http.Response, error) {
		time.Sleep(d)
		return next(am, req, body)
	}
}

// router sends requests to the fake of their host.
type router map[string]*fakeAM

func (r router) RoundTrip(req *http.Request) (*http.Response, error) {
	return r[req.URL.Hostname()].RoundTrip(req)
}

// logBuffer collects log lines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// lines are the lines with this message.
func (l *logBuffer) lines(msg string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for line := range strings.Lines(l.buf.String()) {
		if strings.Contains(line, fmt.Sprintf("msg=%q", msg)) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newLog() (*logBuffer, *slog.Logger) {
	buf := &logBuffer{}
	return buf, slog.New(slog.NewTextHandler(buf, nil))
}

func mustParse(t *testing.T, s string) []Endpoint {
	t.Helper()
	eps, err := ParseURLs(s)
	if err != nil {
		t.Fatal(err)
	}
	return eps
}

// start runs a Notifier for one fake Alertmanager, with every back-off as long
// as it can be. stop ends it and waits; it runs at the end of the test, too.
func start(t *testing.T, opts Options, am *fakeAM) (n *Notifier, stop func()) {
	t.Helper()
	if opts.Endpoints == nil {
		opts.Endpoints = mustParse(t, "http://am:9093")
	}
	if opts.RoundTripper == nil {
		opts.RoundTripper = am
	}
	if opts.jitter == nil {
		opts.jitter = func() float64 { return 1 }
	}
	n, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return n, stop
}

// firing and resolved make notifications as the engine does.
func firing(name string) alert.Notification {
	now := time.Now()
	return alert.Notification{
		Labels:   labels.FromStrings("alertname", name),
		StartsAt: now.Add(-time.Minute),
		EndsAt:   now.Add(4 * time.Minute),
	}
}

func resolved(name string) alert.Notification {
	n := firing(name)
	n.EndsAt, n.Resolved = time.Now(), true
	return n
}

func all(ns ...alert.Notification) []alert.Notification { return ns }

// elapse lets d pass in the bubble and everything that it triggers.
func elapse(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
