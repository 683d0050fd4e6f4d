package plan

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// signatures number the groups in which series of two sides match. They are
// computed once for each series.
type signatures struct {
	on      bool
	names   []string
	numbers map[string]int32
	sides   [2]struct {
		of  *universe
		num []int32 // by series
	}
	buf []byte
}

func newSignatures(m *parser.VectorMatching) *signatures {
	s := &signatures{on: m.On, names: slices.Clone(m.MatchingLabels)}
	if !m.On {
		s.names = append(s.names, metadataLabels()...)
	}
	slices.Sort(s.names)
	return s
}

// update numbers the series that are new, and tells whether it began anew.
func (s *signatures) update(left, right *universe) (again bool) {
	if s.sides[0].of != left || s.sides[1].of != right {
		again = true
		s.numbers = map[string]int32{}
		s.sides[0].of, s.sides[1].of = left, right
		s.sides[0].num, s.sides[1].num = nil, nil
	}
	for i := range s.sides {
		side := &s.sides[i]
		for k := len(side.num); k < side.of.len(); k++ {
			side.num = append(side.num, s.number(side.of.at(int32(k))))
		}
	}
	return again
}

func (s *signatures) number(ls labels.Labels) int32 {
	if s.on {
		s.buf = ls.BytesWithLabels(s.buf, s.names...)
	} else {
		s.buf = ls.BytesWithoutLabels(s.buf, s.names...)
	}
	n, ok := s.numbers[string(s.buf)]
	if !ok {
		n = int32(len(s.numbers))
		s.numbers[string(s.buf)] = n
	}
	return n
}

// marks note, by number, what was seen in this turn, without being cleared.
type marks struct {
	turn uint64
	seen []uint64
}

// next forgets all, and makes room for n numbers.
func (m *marks) next(n int) {
	m.turn++
	if n > len(m.seen) {
		m.seen = append(m.seen, make([]uint64, n-len(m.seen)+n/4)...)
	}
}

func (m *marks) set(i int32)      { m.seen[i] = m.turn }
func (m *marks) has(i int32) bool { return m.seen[i] == m.turn }
