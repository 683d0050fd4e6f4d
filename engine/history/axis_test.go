package history

import (
	"testing"
	"time"
)

func TestAxisStep(t *testing.T) {
	for span, want := range map[time.Duration]time.Duration{
		time.Second: time.Second, time.Minute: 5 * time.Second, 10 * time.Minute: time.Minute, time.Hour: 5 * time.Minute, 24 * time.Hour: 2 * time.Hour,
		7 * 24 * time.Hour: 24 * time.Hour, 15 * 24 * time.Hour: 48 * time.Hour, 20 * 365 * 24 * time.Hour: 20 * 365 * 2 * time.Hour,
	} {
		if got := AxisStep(span, 12); got != want {
			t.Errorf("%v has steps of %v, want %v", span, got, want)
		}
	}
}
