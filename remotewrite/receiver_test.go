package remotewrite

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/golang/snappy"
	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

var nopLogger = slog.New(slog.DiscardHandler)

// receiver is a remote that stores as Prometheus 2 does: a request with one sample
// that is older than the newest of its series is refused as a whole.
type receiver struct {
	// fault, if it returns an answer or an error, comes before all else.
	fault func(*http.Request) (*http.Response, error)
	// refuse tells which series are refused.
	refuse func(labels.Labels) bool
	v2     bool

	mu       sync.Mutex
	have     points         // guarded by mu, as all below
	requests []time.Time    // when they came
	samples  int            // those that came, over all requests
	metadata map[string]int // how often a family was told of
}

func newReceiver() *receiver { return &receiver{have: points{}, metadata: map[string]int{}} }

func (r *receiver) points() points {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := points{}
	for name, ps := range r.have {
		all[name] = append([]point(nil), ps...)
	}
	return all
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	r.requests = append(r.requests, time.Now())
	fault := r.fault
	r.mu.Unlock()
	if fault != nil {
		if resp, err := fault(req); resp != nil || err != nil {
			return resp, err
		}
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	v2 := req.Header.Get("Content-Type") == "application/x-protobuf;proto="+string(remoteapi.WriteV2MessageType)
	if v2 && !r.v2 {
		return answer(http.StatusUnsupportedMediaType, "what is this?"), nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	came, err := r.decode(body, v2)
	if err != nil {
		return answer(400, err.Error()), nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.store(came, v2), nil
}

func (r *receiver) decode(body []byte, v2 bool) (came []sample, err error) {
	b := labels.NewScratchBuilder(0)
	if v2 {
		req, err := decodeV2(body)
		if err != nil {
			return nil, err
		}
		for _, ts := range req.Timeseries {
			ls, err := ts.ToLabels(&b, req.Symbols)
			if err != nil {
				return nil, err
			}
			for _, s := range ts.Samples {
				came = append(came, sample{labels: ls, t: s.Timestamp, v: s.Value})
			}
			if ts.Metadata.HelpRef != 0 {
				r.mu.Lock()
				r.metadata[ls.Get(labels.MetricName)]++
				r.mu.Unlock()
			}
		}
		return came, nil
	}
	req, err := decodeV1(body)
	if err != nil {
		return nil, err
	}
	for _, ts := range req.Timeseries {
		for _, s := range ts.Samples {
			came = append(came, sample{labels: ts.ToLabels(&b, nil), t: s.Timestamp, v: s.Value})
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range req.Metadata {
		r.metadata[m.MetricFamilyName]++
	}
	return came, nil
}

// store is called with mu held.
func (r *receiver) store(came []sample, v2 bool) *http.Response {
	r.samples += len(came)
	after := points{}
	bad := 0
	for _, s := range came {
		name, p := s.labels.String(), point{s.t, fmt.Sprint(s.v)}
		if _, begun := after[name]; !begun {
			after[name] = r.have[name]
		}
		have := after[name]
		switch n := len(have); {
		case r.refuse != nil && r.refuse(s.labels):
			bad++
		case n == 0 || have[n-1].T < p.T:
			after[name] = append(have[:n:n], p)
		case have[n-1] != p:
			bad++
		}
	}
	if bad == 0 || v2 {
		for name, ps := range after {
			r.have[name] = ps
		}
	}
	resp := answer(204, "")
	if bad > 0 {
		resp = answer(400, "out of order sample")
	}
	if v2 {
		resp.Header.Set("X-Prometheus-Remote-Write-Samples-Written", fmt.Sprint(len(came)-bad))
	}
	return resp
}

func decodeV1(body []byte) (*prompb.WriteRequest, error) {
	raw, err := snappy.Decode(nil, body)
	if err != nil {
		return nil, err
	}
	var req prompb.WriteRequest
	return &req, req.Unmarshal(raw)
}

func decodeV2(body []byte) (*writev2.Request, error) {
	raw, err := snappy.Decode(nil, body)
	if err != nil {
		return nil, err
	}
	var req writev2.Request
	return &req, req.Unmarshal(raw)
}
