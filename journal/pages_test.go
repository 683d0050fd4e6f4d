package journal

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tocsin/tocsin/alert"
)

// TestPagesOfAnAlert counts the pages that the flash gets of one alert, from its
// beginning to its end, among others that stand.
func TestPagesOfAnAlert(t *testing.T) {
	j := New(Options{Path: filepath.Join(t.TempDir(), "journal.db"), Receivers: []string{"am"}})
	if err := j.Open(); err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	others := burst("others", 30)
	others.News = nil
	save(t, j, others)

	of := burst("one", 1)
	firing := of.News[0]
	ended := firing
	ended.Resolved, ended.EndsAt = true, t0.Add(time.Minute)
	receipt := func(told alert.Told) func() {
		return func() {
			j.Delivered("am", []alert.Receipt{{Fingerprint: firing.Fingerprint(), StartsAt: firing.StartsAt, Told: told}})
			j.flush()
		}
	}
	for _, step := range []struct {
		what string
		do   func()
		most int64
	}{
		{"pending", func() { save(t, j, alert.Changes{At: t0, Upserts: of.Upserts}) }, 5},
		{"firing", func() { save(t, j, of) }, 6},
		{"delivered", receipt(alert.ToldFiring), 4},
		{"ended", func() { save(t, j, alert.Changes{At: t0, Upserts: of.Upserts, News: []alert.Notification{ended}}) }, 6},
		{"end delivered", receipt(alert.ToldEnded), 4},
		{"nothing waits", j.flush, 0},
	} {
		before := j.db.Stats()
		step.do()
		after := j.db.Stats()
		d := after.Sub(&before)
		pages := d.TxStats.GetPageAlloc() / int64(os.Getpagesize())
		if pages > 0 {
			pages++ // which says where the others are
		}
		if pages > step.most || step.most > 0 && pages == 0 {
			t.Errorf("%s: %d pages, want %d at most", step.what, pages, step.most)
		}
	}
}
