package notify

import "time"

// Status is how the deliveries to one Alertmanager are doing, for the status
// page. Counts are in alerts and start at zero with the process.
type Status struct {
	// URL of the Alertmanager without its password, or Undiscovered; also the value of
	// the metrics' alertmanager label.
	URL string
	// Origin is where it comes from: OriginSetting, or the discovery of the
	// configuration file that found it (static, dns, file, …). Empty while discovery has
	// not shown it, as after a restart.
	Origin string
	// LostSince is since when discovery does not show it any more; it is dropped after an
	// hour. Zero if it does.
	LostSince time.Time
	// Pending is how many alerts wait for delivery.
	Pending int
	// LastAttempt and LastSuccess are when the last request and the last
	// acknowledged request ended; zero if there was none.
	LastAttempt, LastSuccess time.Time
	// LastError says why the last attempt failed; empty if it succeeded.
	LastError string
	// Failures is how many attempts have failed since the last success.
	Failures int
	// NextTry is when the back-off ends; zero if there is none.
	NextTry time.Time
	// LastRejection names the last alert that the Alertmanager refused, and why;
	// empty if it never refused one.
	LastRejection string
	// Sent alerts were acknowledged, Failed ones were part of a request that was
	// not (and are sent again), Dropped ones are lost: refused, or pushed out
	// of a full outbox.
	Sent, Failed, Dropped uint64
	// Undelivered is how many incidents, beginnings and ends of alerts, this
	// Alertmanager has yet to be told of; OldestUndelivered is when the first of
	// them was to be told, zero if there is none.
	Undelivered       int
	OldestUndelivered time.Time
	// Late is how often incidents were reported that were over by then.
	Late uint64
	// Restarts is how often the Alertmanager was found to have restarted, and
	// LastRestart when it last was started; zero if it never was.
	Restarts    uint64
	LastRestart time.Time
	// ClockOffset is how far its clock is ahead of ours, by its last reply. Beyond
	// 30 s alerts are sent with its time.
	ClockOffset time.Duration
}
