package engine

import (
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
)

// epochShift is above the bits that a store uses of a reference.
const epochShift = 56

// epochAppender marks references with the epoch, as one store marks those of each
// TSDB that it had: those of another mean nothing.
type epochAppender struct {
	promstorage.AppenderV2
	epoch promstorage.SeriesRef
}

func (a epochAppender) Append(ref promstorage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts promstorage.AOptions) (promstorage.SeriesRef, error) {
	if ref>>epochShift<<epochShift != a.epoch {
		ref = 0
	}
	ref, err := a.AppenderV2.Append(ref&^a.epoch, ls, st, t, v, h, fh, opts)
	return a.mark(ref), err
}

// GetRef implements storage.GetRef.
func (a epochAppender) GetRef(ls labels.Labels, hash uint64) (promstorage.SeriesRef, labels.Labels) {
	ref, ls := a.AppenderV2.(promstorage.GetRef).GetRef(ls, hash)
	return a.mark(ref), ls
}

func (a epochAppender) mark(ref promstorage.SeriesRef) promstorage.SeriesRef {
	if ref == 0 {
		return 0
	}
	return ref | a.epoch
}
