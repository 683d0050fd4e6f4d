package ruletest

import (
	"context"
	"fmt"
	"strings"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// Limits that no test written by people comes near: a few characters of the
// expanding notation stand for billions of samples.
const (
	maxTests = 10_000
	// maxInput bounds the samples in the input series of a file.
	maxInput = 1_000_000
	// maxEvaluations bounds the evaluations of rules in one test.
	maxEvaluations = 50_000_000
	// maxStored and maxSeries bound what input and rules of one test store.
	maxStored = 10_000_000
	maxSeries = 200_000
	// maxRuleFiles bounds the files that the globs of one file name.
	maxRuleFiles = 1000
)

// weigh is how many samples a text of the expanding notation stands for;
// histograms, which are larger, count by their text. It may overestimate texts
// that do not parse.
func weigh(values string) int {
	total, begin, inside := 0, 0, false
	for i := 0; i <= len(values); i++ {
		switch rest := values[i:]; {
		case rest == "", !inside && strings.ContainsRune(" \t\r\n", rune(rest[0])):
			if item := values[begin:i]; item != "" {
				total = min(maxInput+1, total+(1+times(item))*weight(item))
			}
			begin = i + 1
		case strings.HasPrefix(rest, "{{"):
			inside = true
		case strings.HasPrefix(rest, "}}"):
			inside = false
		}
	}
	return total
}

// weight is what one sample of an item counts.
func weight(item string) int {
	if strings.Contains(item, "{{") {
		return 8 + len(item)/4
	}
	return 1
}

// times is the highest number behind an x of an item.
func times(item string) int {
	highest := 0
	for i := 0; i < len(item); i++ {
		if item[i] != 'x' {
			continue
		}
		n := 0
		for i+1 < len(item) && item[i+1] >= '0' && item[i+1] <= '9' {
			i++
			n = min(maxInput, 10*n+int(item[i]-'0'))
		}
		highest = max(highest, n)
	}
	return highest
}

// meter counts what one test stores, and refuses what goes beyond the limits.
type meter struct {
	storage.AppendableV2
	stored int
	series map[uint64]struct{}
}

func newMeter(to storage.AppendableV2) *meter {
	return &meter{AppendableV2: to, series: map[uint64]struct{}{}}
}

// AppenderV2 starts one transaction.
func (m *meter) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return &meteredAppender{AppenderV2: m.AppendableV2.AppenderV2(ctx), meter: m}
}

type meteredAppender struct {
	storage.AppenderV2
	meter *meter
}

func (a *meteredAppender) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions) (storage.SeriesRef, error) {
	m := a.meter
	if m.stored++; m.stored > maxStored {
		return 0, fmt.Errorf("the test stores more than the limit of %d samples: use a longer evaluation_interval or an earlier eval_time", maxStored)
	}
	if ref == 0 {
		m.series[ls.Hash()] = struct{}{}
	}
	if len(m.series) > maxSeries {
		return 0, fmt.Errorf("the test stores more than the limit of %d series", maxSeries)
	}
	return a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
}
