package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/engine"
)

const (
	// remoteChunk is how much time one request asks for.
	remoteChunk = 6 * time.Hour
	// remoteTimeout is for one request, remoteTries how often it is made.
	remoteTimeout = 2 * time.Minute
	remoteTries   = 4
	// maxAnswer bounds the bytes of one answer.
	maxAnswer = 512 << 20
)

// Remote is the history of a running instance, read through Prometheus's HTTP
// API: the samples of a selector are asked for by an instant query of a range. An
// answer has no stale markers; they are put back where the target was scraped and
// the series was not there.
type Remote struct {
	base   *url.URL
	client *http.Client
	// up are the scrapes between upLo and upHi.
	up         []series
	upLo, upHi millis
}

// NewRemote makes a history of the instance at base, which may have a user, a
// password and a path. It asks nothing yet.
func NewRemote(base *url.URL) *Remote {
	return &Remote{base: base, client: &http.Client{Timeout: remoteTimeout}, upHi: -1}
}

// Querier implements storage.Queryable.
func (r *Remote) Querier(mint, maxt millis) (storage.Querier, error) {
	return &remoteQuerier{remote: r, mint: mint, maxt: maxt}, nil
}

type remoteQuerier struct {
	noLabelQueries
	remote     *Remote
	mint, maxt millis
}

// Select implements storage.Querier.
func (q *remoteQuerier) Select(ctx context.Context, _ bool, hints *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
	start, end := q.mint, q.maxt
	if hints != nil {
		start, end = hints.Start, hints.End
	}
	list, err := q.remote.read(ctx, start, end, ms)
	if err != nil {
		return storage.ErrSeriesSet(err)
	}
	sortSeries(list)
	return &seriesSet{list: list}
}

var upMatcher = labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, "up")

// read gives the samples from start to end, with stale markers.
func (r *Remote) read(ctx context.Context, start, end millis, ms []*labels.Matcher) ([]series, error) {
	// What a series did before decides whether it has ended within.
	before := start - engine.LookbackDelta.Milliseconds()
	list, err := r.fetch(ctx, before, end, ms)
	if err != nil {
		return nil, err
	}
	if before < r.upLo || end > r.upHi {
		lo, hi := before, end
		if r.upHi >= 0 {
			lo, hi = min(lo, r.upLo), max(hi, r.upHi)
		}
		if r.up, err = r.fetch(ctx, lo, hi, []*labels.Matcher{upMatcher}); err != nil {
			return nil, err
		}
		r.upLo, r.upHi = lo, hi
	}
	markEnds(list, r.up, end)
	out := list[:0]
	for _, s := range list {
		if s.samples = s.between(start, end); len(s.t) > 0 {
			out = append(out, s)
		}
	}
	return out, nil
}

// fetch gives the samples from start to end, in chunks.
func (r *Remote) fetch(ctx context.Context, start, end millis, ms []*labels.Matcher) ([]series, error) {
	texts := make([]string, len(ms))
	for i, m := range ms {
		texts[i] = m.String()
	}
	selector := "{" + strings.Join(texts, ",") + "}"
	all := map[string]*series{}
	for lo := start; lo <= end; lo += remoteChunk.Milliseconds() {
		hi := min(lo+remoteChunk.Milliseconds()-1, end)
		// A range leaves out its own start.
		got, err := r.query(ctx, fmt.Sprintf("%s[%dms]", selector, hi-lo+1), hi)
		if err != nil {
			return nil, err
		}
		for _, s := range got {
			if len(s.Histograms) > 0 {
				return nil, fmt.Errorf("%s is a native histogram, which the HTTP API gives only in part: replay offline, over the data directory", s.Metric)
			}
			key := string(s.Metric.Bytes(nil))
			if all[key] == nil {
				all[key] = &series{labels: s.Metric}
			}
			for _, p := range s.Values {
				all[key].add(p.t, p.v, nil)
			}
		}
	}
	list := make([]series, 0, len(all))
	for _, s := range all {
		list = append(list, *s)
	}
	return list, nil
}

// query makes one request, and again if it may be answered next time.
func (r *Remote) query(ctx context.Context, expr string, at millis) ([]answerSeries, error) {
	form := url.Values{"query": {expr}, "time": {fmt.Sprintf("%d.%03d", at/1000, at%1000)}}
	for try := 1; ; try++ {
		got, again, err := r.post(ctx, form)
		if err == nil || !again || try == remoteTries || ctx.Err() != nil {
			return got, err
		}
		select {
		case <-time.After(time.Duration(try*try) * 250 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// post asks once. again tells whether an error may be over soon.
func (r *Remote) post(ctx context.Context, form url.Values) (got []answerSeries, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base.JoinPath("api/v1/query").String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, false, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, true, err
	}
	defer resp.Body.Close()
	var a answer
	err = json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&a)
	switch again := resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests; {
	case a.Error != "":
		return nil, again, fmt.Errorf("%s answers %s: %s", r.base.Redacted(), resp.Status, a.Error)
	case resp.StatusCode != http.StatusOK:
		return nil, again, fmt.Errorf("%s answers %s", r.base.Redacted(), resp.Status)
	case err != nil:
		return nil, errors.Is(err, io.ErrUnexpectedEOF), fmt.Errorf("%s answers what is not Prometheus's API: %w", r.base.Redacted(), err)
	case a.Data.ResultType != "matrix":
		return nil, false, fmt.Errorf("%s answers a range with %q", r.base.Redacted(), a.Data.ResultType)
	}
	return a.Data.Result, false, nil
}

// answer is that of Prometheus's API to a query of a range.
type answer struct {
	Error string `json:"error"`
	Data  struct {
		ResultType string         `json:"resultType"`
		Result     []answerSeries `json:"result"`
	} `json:"data"`
}

type answerSeries struct {
	Metric     labels.Labels     `json:"metric"`
	Values     []point           `json:"values"`
	Histograms []json.RawMessage `json:"histograms"`
}
