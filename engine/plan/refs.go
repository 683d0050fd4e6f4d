package plan

import "github.com/prometheus/prometheus/storage"

// pageSize is how many references stand on one page of a refTable.
const pageSize = 512

// refTable finds series by the reference that storage gave them. References are
// given in sequence, and series that are written together have neighbouring ones:
// pages, of which the last is remembered, cost a fraction of a map of series.
type refTable struct {
	pages map[uint64]*page
	last  *page
	key   uint64 // of last
}

type page [pageSize]*series

func (r *refTable) get(ref storage.SeriesRef) *series {
	key := uint64(ref) / pageSize
	if r.last == nil || key != r.key {
		p := r.pages[key]
		if p == nil {
			return nil
		}
		r.last, r.key = p, key
	}
	return r.last[uint64(ref)%pageSize]
}

func (r *refTable) set(ref storage.SeriesRef, s *series) {
	key := uint64(ref) / pageSize
	p := r.pages[key]
	if p == nil {
		if r.pages == nil {
			r.pages = map[uint64]*page{}
		}
		p = &page{}
		r.pages[key] = p
	}
	p[uint64(ref)%pageSize] = s
}
