package alert

import "time"

// An incident is one time that an alert fired, from the moment it began to. It
// is known by the alert's fingerprint, before external labels, and that moment.

// Undelivered is what one receiver has yet to be told of the incidents of one
// alert.
type Undelivered struct {
	// Notification is the last state; its StartsAt is that of the first incident.
	Notification
	// Unseen: over before the receiver was told that it fired.
	Unseen bool
	// Count is how many incidents this stands for, LastStart when the last of them
	// began. Only unseen ones are counted together.
	Count     int
	LastStart time.Time
	// HeldUntil: the receiver was told late, as of something that fires, and is
	// not to be told of the end before then. Zero if it was not told.
	HeldUntil time.Time
}

// Told is what a receiver now knows.
type Told uint8

const (
	// ToldFiring: that the alert fires.
	ToldFiring Told = iota
	// ToldEnded: that it has ended.
	ToldEnded
	// ToldLate: that it fired and is over.
	ToldLate
	// ToldNever: nothing more will be sent. It was refused, or pushed out, or there
	// is nothing left to say.
	ToldNever
)

// Receipt is what became of the incidents of one alert at one receiver: of all
// that began no later than StartsAt.
type Receipt struct {
	Fingerprint Fingerprint
	StartsAt    time.Time
	Told        Told
	// Until is how long a late message stands.
	Until time.Time
}
