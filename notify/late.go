package notify

import (
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// defaultLateHold is how far ahead the end of a late report lies. Alertmanager
// notifies a new group after group_wait, 30 s by default, and one that it knows at
// the next group_interval, 5 min by default; what has ended by then it leaves out.
// The minute on top is for the clocks and for the way there.
const defaultLateHold = 6 * time.Minute

// LateAnnotation is the annotation that says of an alert that it is reported
// late, and when it fired and resolved.
const LateAnnotation = "late_delivery"

// parcel is a message as it goes out, with the incidents that are reported with it.
type parcel struct {
	*message
	missed missed
	until  time.Time // the end of a late report
}

// late tells whether the parcel speaks of what is over as if it fired:
// Alertmanager notifies nobody of what it only ever saw as resolved.
func (p parcel) late() bool { return p.missed.count > 0 && p.note.Resolved }

// annotations are those of the alert, and the one that says what was missed.
// Times are the Alertmanager's.
func (p parcel) annotations(shift time.Duration) labels.Labels {
	if p.missed.count == 0 {
		return p.note.Annotations
	}
	at := func(t time.Time) string { return t.Add(shift).UTC().Format(time.RFC3339) }
	fired, again := fmt.Sprintf("fired %d times between", p.missed.count), ""
	if p.missed.count == 1 {
		fired = "fired at"
	}
	if !p.late() {
		again = "also "
	}
	text := fmt.Sprintf("Reported late: this alert %s%s %s and resolved at %s, while this Alertmanager could not be told.",
		again, fired, at(p.missed.first), at(p.missed.endedAt))
	if p.missed.count > 1 {
		text = fmt.Sprintf("Reported late: this alert %s%s %s and %s, while this Alertmanager could not be told; it last resolved then.",
			again, fired, at(p.missed.first), at(p.missed.endedAt))
	}
	b := labels.NewBuilder(p.note.Annotations)
	b.Set(LateAnnotation, text)
	return b.Labels()
}
