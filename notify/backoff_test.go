package notify

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	const m = time.Minute
	for _, tc := range []struct {
		failures int
		longest  time.Duration
		r        float64
		want     time.Duration
	}{
		{1, m, 1, time.Second},
		{2, m, 1, 2 * time.Second},
		{3, m, 1, 4 * time.Second},
		{6, m, 1, 32 * time.Second},
		{7, m, 1, m},
		{8, m, 1, m},
		{1 << 40, m, 1, m},
		{3, m, 0.5, 2 * time.Second},
		{3, m, 0, 0},
		{1, time.Millisecond, 1, time.Millisecond},
		{9, time.Millisecond, 1, time.Millisecond},
		{5, 10 * time.Second, 1, 10 * time.Second},
	} {
		if got := backoff(tc.failures, tc.longest, tc.r); got != tc.want {
			t.Errorf("backoff(%d, %s, %v) = %s, want %s", tc.failures, tc.longest, tc.r, got, tc.want)
		}
	}
}
