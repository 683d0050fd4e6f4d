package web

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/engine"
)

// newWritable takes remote writes into a real TSDB.
func newWritable(t *testing.T, opts Options) *Handler {
	t.Helper()
	_, db := newStored(t, Options{})
	opts.Appendable, opts.Queryable = db, db
	opts.Query = engine.New(engine.Options{Queryable: db, Appendable: db}).Execute
	return newHandler(t, opts)
}

// write posts a body that is snappy-compressed here; headers in pairs.
func write(h http.Handler, body []byte, headers ...string) *httptest.ResponseRecorder {
	return post(h, snappy.Encode(nil, body), headers...)
}

func post(h http.Handler, body []byte, headers ...string) *httptest.ResponseRecorder {
	r := request(http.MethodPost, "/api/v1/write", string(body))
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("Content-Encoding", "snappy")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const (
	typeV1 = "application/x-protobuf;proto=prometheus.WriteRequest"
	typeV2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
)

// at is a time after the series of the reference, in milliseconds.
func at(d time.Duration) int64 { return (time.Hour + d).Milliseconds() }

func v1Request(t *testing.T, name string, ts int64, value float64) []byte {
	t.Helper()
	req := prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:  []prompb.Label{{Name: "__name__", Value: name}, {Name: "from", Value: "afar"}},
		Samples: []prompb.Sample{{Timestamp: ts, Value: value}},
	}}}
	body, err := req.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// v2Request has a series of samples, one of a native histogram, and, if bad, one
// without a name.
func v2Request(t *testing.T, ts int64, bad bool) []byte {
	t.Helper()
	symbols := writev2.NewSymbolTable()
	refs := func(pairs ...string) []uint32 { return symbols.SymbolizeLabels(labels.FromStrings(pairs...), nil) }
	h := &histogram.Histogram{Count: 3, Sum: 4, PositiveSpans: []histogram.Span{{Length: 1}}, PositiveBuckets: []int64{3}}
	req := writev2.Request{Timeseries: []writev2.TimeSeries{
		{LabelsRefs: refs("__name__", "sent_v2", "from", "afar"), Samples: []writev2.Sample{{Timestamp: ts, Value: 7}}},
		{LabelsRefs: refs("__name__", "native_v2"), Histograms: []writev2.Histogram{writev2.FromIntHistogram(0, ts, h)}},
	}}
	if bad {
		req.Timeseries = append(req.Timeseries, writev2.TimeSeries{LabelsRefs: refs("from", "nowhere"), Samples: []writev2.Sample{{Timestamp: ts, Value: 1}}})
	}
	req.Symbols = symbols.Symbols()
	body, err := req.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func value(h http.Handler, expr string) string {
	return get(h, "/api/v1/query?time=3660&query="+expr).Body.String()
}

func TestRemoteWrite(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := newWritable(t, Options{Registerer: reg, Gatherer: reg})
	for i, headers := range [][]string{nil, {"Content-Type", typeV1}, {"Content-Type", typeV1, "X-Prometheus-Remote-Write-Version", "0.1.0"}} {
		if w := write(h, v1Request(t, "sent_v1", at(time.Duration(i)*time.Second), float64(40+i)), headers...); w.Code != http.StatusNoContent {
			t.Errorf("1.0 %v: %d %s", headers, w.Code, w.Body)
		}
	}
	if got := value(h, "sent_v1"); !strings.Contains(got, `"from":"afar"`) || !strings.Contains(got, `"42"`) {
		t.Errorf("sample of 1.0: %s", got)
	}
	w := write(h, v2Request(t, at(0), false), "Content-Type", typeV2, "X-Prometheus-Remote-Write-Version", "2.0.0")
	if w.Code != http.StatusNoContent || w.Header().Get("X-Prometheus-Remote-Write-Samples-Written") != "1" || w.Header().Get("X-Prometheus-Remote-Write-Histograms-Written") != "1" {
		t.Errorf("2.0: %d %s %v", w.Code, w.Body, w.Header())
	}
	if got := value(h, "sent_v2%2Bhistogram_count(native_v2)*0%20or%20sent_v2"); !strings.Contains(got, `"7"`) {
		t.Errorf("sample of 2.0: %s", got)
	}
	if got := value(h, "histogram_count(native_v2)"); !strings.Contains(got, `"3"`) {
		t.Errorf("histogram of 2.0: %s", got)
	}
	if page := get(h, "/metrics").Body.String(); !strings.Contains(page, "prometheus_api_remote_write_invalid_labels_samples_total 0") {
		t.Error("the receiver's metrics are not there")
	}
}

func TestRemoteWriteRefuses(t *testing.T) {
	h := newWritable(t, Options{})
	if w := write(h, v1Request(t, "m", at(time.Minute), 1)); w.Code != http.StatusNoContent {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	huge := append([]byte{0x80, 0x80, 0x80, 0x80, 0x08}, 0) // says that it is 2 GiB
	for name, tt := range map[string]struct {
		w    *httptest.ResponseRecorder
		code int
		text string
	}{
		"not snappy":              {post(h, []byte("garbage that is not snappy")), 400, "corrupt input"},
		"empty":                   {post(h, nil), 400, "corrupt input"},
		"not protobuf":            {write(h, []byte("garbage")), 400, "proto"},
		"not protobuf, 2.0":       {write(h, []byte("garbage"), "Content-Type", typeV2), 400, "proto"},
		"cut off":                 {write(h, v1Request(t, "m", at(0), 1)[:20]), 400, "EOF"},
		"another compression":     {write(h, nil, "Content-Encoding", "gzip"), 415, "snappy"},
		"another content":         {write(h, nil, "Content-Type", "application/json"), 415, "application/x-protobuf"},
		"unknown message":         {write(h, nil, "Content-Type", "application/x-protobuf;proto=x.Y"), 415, "x.Y"},
		"out of order":            {write(h, v1Request(t, "m", at(0), 1)), 400, "out of order"},
		"another value":           {write(h, v1Request(t, "m", at(time.Minute), 2)), 400, "duplicate sample"},
		"the future":              {write(h, v1Request(t, "m", time.Now().Add(time.Hour).UnixMilli(), 1)), 400, "too far in the future"},
		"one bad series of three": {write(h, v2Request(t, at(3*time.Minute), true), "Content-Type", typeV2), 400, "invalid metric name or labels"},
		"large body":              {post(h, make([]byte, maxWrite+1)), 413, "too large"},
		"large when decompressed": {write(h, make([]byte, maxWritten+1)), 413, "limit of 16777216 bytes"},
		"bomb":                    {post(h, huge), 413, "limit of 16777216 bytes"},
	} {
		if tt.w.Code != tt.code || !strings.Contains(tt.w.Body.String(), tt.text) {
			t.Errorf("%s: %d %.300s, want %d with %q", name, tt.w.Code, tt.w.Body, tt.code, tt.text)
		}
	}
	// Of a request of 2.0 with one bad series the others are stored.
	if got := get(h, "/api/v1/query?time=3800&query=sent_v2").Body.String(); !strings.Contains(got, `"7"`) {
		t.Errorf("good series beside a bad one: %s", got)
	}
	// A larger body than any other route takes passes.
	body := v1Request(t, strings.Repeat("m", 2*maxForm), at(4*time.Minute), 1)
	if w := write(h, body); w.Code != http.StatusNoContent {
		t.Errorf("%d bytes: %d %s", len(body), w.Code, w.Body)
	}
}

func TestRemoteWriteIsOff(t *testing.T) {
	w := write(newHandler(t, Options{}), nil)
	if w.Code != 404 || !strings.Contains(w.Body.String(), "--web.enable-remote-write-receiver") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// brokenStorage has no place for samples.
type brokenStorage struct{ storage.ExemplarAppenderV2 }

func (b brokenStorage) AppenderV2(context.Context) storage.AppenderV2 { return b }
func (brokenStorage) Rollback() error                                 { return nil }
func (brokenStorage) Append(storage.SeriesRef, labels.Labels, int64, int64, float64, *histogram.Histogram, *histogram.FloatHistogram, storage.AOptions) (storage.SeriesRef, error) {
	return 0, ErrUnavailable
}

// The sender keeps what cannot be stored, and our log stays short.
func TestRemoteWriteWithoutStorage(t *testing.T) {
	var logs bytes.Buffer
	h := newHandler(t, Options{Appendable: brokenStorage{}, Logger: slog.New(slog.NewTextHandler(&logs, nil))})
	for range 5 {
		if w := write(h, v1Request(t, "m", at(0), 1)); w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "not open") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if n := strings.Count(logs.String(), "remote write not stored"); n != 1 {
		t.Errorf("%d lines in the log:\n%s", n, logs.String())
	}
	closed := newHandler(t, Options{Appendable: brokenStorage{}, Status: func() Status { return Status{State: Idle} }})
	if w := write(closed, v1Request(t, "m", at(0), 1)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("storage is not open: %d %s", w.Code, w.Body)
	}
}

// panicking is a storage that a sample makes panic.
type panicking struct {
	swallower
	rollbacks *int
}

func (p panicking) AppenderV2(context.Context) storage.AppenderV2 { return p }
func (panicking) Append(storage.SeriesRef, labels.Labels, int64, int64, float64, *histogram.Histogram, *histogram.FloatHistogram, storage.AOptions) (storage.SeriesRef, error) {
	panic("index out of range")
}

func (p panicking) Rollback() error {
	*p.rollbacks++
	return nil
}

// A fault leaves no transaction open: storage would wait for it.
func TestRemoteWriteThatPanics(t *testing.T) {
	rollbacks := 0
	h := newHandler(t, Options{Appendable: panicking{rollbacks: &rollbacks}})
	for _, w := range []*httptest.ResponseRecorder{write(h, v1Request(t, "m", at(0), 1)), write(h, v2Request(t, at(0), false), "Content-Type", typeV2)} {
		if w.Code != http.StatusInternalServerError {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if rollbacks != 2 {
		t.Errorf("%d of 2 transactions rolled back", rollbacks)
	}
}

// A body that does not arrive is sent again.
func TestRemoteWriteCutOff(t *testing.T) {
	r := request(http.MethodPost, "/api/v1/write", "")
	r.Body = io.NopCloser(iotest.ErrReader(os.ErrDeadlineExceeded))
	w := httptest.NewRecorder()
	newWritable(t, Options{}).ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "read request") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestFailureLogRecovers(t *testing.T) {
	var logs bytes.Buffer
	f := &failureLog{log: slog.New(slog.NewTextHandler(&logs, nil))}
	for _, status := range []int{204, 500, 500, 400, 503, 204, 204, 500} {
		f.note(status)
	}
	if got := logs.String(); strings.Count(got, "not stored") != 2 || strings.Count(got, "recovered") != 1 || !strings.Contains(got, "failures=3") {
		t.Errorf("log:\n%s", got)
	}
}

func FuzzRemoteWrite(f *testing.F) {
	f.Add([]byte(nil), false, true)
	f.Add([]byte("garbage"), true, true)
	f.Add([]byte{0x80, 0x80, 0x80, 0x80, 0x08, 0}, false, false)
	f.Add([]byte{0x0a, 0x0c, 0x0a, 0x0a, 0x0a, 0x08}, true, true)
	h, err := New(Options{
		Snapshot: fixture, Status: fixtureStatus, Query: failing(ErrUnavailable), Queryable: closedStorage{}, Appendable: swallower{},
		Gatherer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte, second, pack bool) {
		contentType := typeV1
		if second {
			contentType = typeV2
		}
		if pack {
			body = snappy.Encode(nil, body)
		}
		switch w := post(h, body, "Content-Type", contentType); w.Code {
		case 204, 400, 413:
		default:
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// swallower takes every sample that a TSDB could take.
type swallower struct{ storage.ExemplarAppenderV2 }

func (s swallower) AppenderV2(context.Context) storage.AppenderV2 { return s }
func (swallower) Rollback() error                                 { return nil }
func (swallower) Commit() error                                   { return nil }
func (swallower) Append(_ storage.SeriesRef, _ labels.Labels, _, _ int64, _ float64, h *histogram.Histogram, fh *histogram.FloatHistogram, _ storage.AOptions) (storage.SeriesRef, error) {
	if h != nil {
		return 1, h.Validate()
	}
	if fh != nil {
		return 1, fh.Validate()
	}
	return 1, nil
}

func (swallower) AppendExemplars(storage.SeriesRef, labels.Labels, []exemplar.Exemplar) (storage.SeriesRef, error) {
	return 1, nil
}
