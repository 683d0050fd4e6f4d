package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	bolt "go.etcd.io/bbolt"

	"github.com/tocsin/tocsin/alert"
)

// outboxBucket has a bucket for each receiver, and in it what the receiver has
// yet to be told, by outboxKey.
var outboxBucket = []byte("outbox")

// defaultCapacity is how many incidents one receiver's outbox holds.
const defaultCapacity = 10_000

// entry is how an incident that a receiver has yet to be told of stands in the
// file.
type entry struct {
	Labels       labels.Labels `json:"labels"`
	Annotations  labels.Labels `json:"annotations"`
	StartsAt     time.Time     `json:"starts_at"`
	EndsAt       time.Time     `json:"ends_at"`
	GeneratorURL string        `json:"generator_url"`
	Resolved     bool          `json:"resolved"`
	Unseen       bool          `json:"unseen"`
	Count        int           `json:"count"`
	LastStart    time.Time     `json:"last_start"`
	HeldUntil    time.Time     `json:"held_until"`
}

func newEntry(u alert.Undelivered) entry {
	return entry{
		Labels: u.Labels, Annotations: u.Annotations, StartsAt: u.StartsAt, EndsAt: u.EndsAt,
		GeneratorURL: u.GeneratorURL, Resolved: u.Resolved, Unseen: u.Unseen, Count: max(u.Count, 1),
		LastStart: latest(u.LastStart, u.StartsAt), HeldUntil: u.HeldUntil,
	}
}

func (e *entry) undelivered() alert.Undelivered {
	return alert.Undelivered{
		Notification: alert.Notification{
			Labels: e.Labels, Annotations: e.Annotations, StartsAt: e.StartsAt, EndsAt: e.EndsAt,
			GeneratorURL: e.GeneratorURL, Resolved: e.Resolved, News: true,
		},
		Unseen: e.Unseen, Count: e.Count, LastStart: e.LastStart, HeldUntil: e.HeldUntil,
	}
}

// encode writes what decodeEntry reads.
func (e *entry) encode() ([]byte, error) {
	b := make([]byte, 0, 512)
	b = alert.AppendJSONLabels(append(b, `{"labels":`...), e.Labels)
	b = alert.AppendJSONLabels(append(b, `,"annotations":`...), e.Annotations)
	b = alert.AppendJSONString(append(b, `,"generator_url":`...), e.GeneratorURL)
	b = strconv.AppendBool(append(b, `,"resolved":`...), e.Resolved)
	b = strconv.AppendBool(append(b, `,"unseen":`...), e.Unseen)
	b = strconv.AppendInt(append(b, `,"count":`...), int64(e.Count), 10)
	b, err := alert.AppendJSONTimes(b, alert.JSONTime{Name: "starts_at", At: e.StartsAt}, alert.JSONTime{Name: "ends_at", At: e.EndsAt},
		alert.JSONTime{Name: "last_start", At: e.LastStart}, alert.JSONTime{Name: "held_until", At: e.HeldUntil})
	return append(b, '}'), err
}

func decodeEntry(v []byte) (e entry, err error) {
	err = json.Unmarshal(v, &e)
	return e, err
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// outboxKey sorts the incidents of one alert by their beginning.
func outboxKey(fp alert.Fingerprint, startsAt time.Time) []byte {
	k := binary.BigEndian.AppendUint64(nil, uint64(fp))
	return binary.BigEndian.AppendUint64(k, uint64(startsAt.UnixNano()))
}

// found is what tells incidents of one alert apart, with its place: not all of an
// entry, as a storm has thousands of them looked at.
type found struct {
	key       []byte
	StartsAt  time.Time `json:"starts_at"`
	Resolved  bool      `json:"resolved"`
	Unseen    bool      `json:"unseen"`
	Count     int       `json:"count"`
	HeldUntil time.Time `json:"held_until"`
}

// box is the outbox of one receiver, within a transaction.
type box struct{ b *bolt.Bucket }

func (x box) put(e entry) error {
	v, err := e.encode()
	if err != nil {
		return err
	}
	return x.b.Put(outboxKey(alert.Fingerprint(e.Labels.Hash()), e.StartsAt), v)
}

// incidents are the entries of one alert whose first incident began no later
// than upTo. What cannot be read is in nobody's way.
func (x box) incidents(fp alert.Fingerprint, upTo time.Time) []found {
	var all []found
	prefix, last := outboxKey(fp, time.Time{})[:8], outboxKey(fp, upTo)
	c := x.b.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix) && bytes.Compare(k, last) <= 0; k, v = c.Next() {
		f := found{key: bytes.Clone(k)}
		if json.Unmarshal(v, &f) == nil {
			all = append(all, f)
		}
	}
	return all
}

// tell enters what the receiver is to be told. The end of an incident takes the
// place of its beginning; if that was still there, the receiver never saw it.
// Incidents that it did not see are counted together, so that an alert that flaps
// all through an outage takes one place.
func (x box) tell(n alert.Notification) error {
	e := newEntry(alert.Undelivered{Notification: n})
	fp := n.Fingerprint()
	var missed *found
	for _, f := range x.incidents(fp, n.StartsAt) {
		switch {
		case f.StartsAt.Equal(n.StartsAt) && n.Resolved:
			e.Unseen = f.Unseen || !f.Resolved
			e.HeldUntil = f.HeldUntil
		case f.Unseen && f.HeldUntil.IsZero():
			missed = &f
		}
	}
	if missed == nil || !e.Unseen {
		return x.put(e)
	}
	if err := x.b.Delete(outboxKey(fp, n.StartsAt)); err != nil {
		return err
	}
	e.StartsAt, e.Count, e.LastStart = missed.StartsAt, missed.Count+1, n.StartsAt
	return x.put(e)
}

// settle applies a receipt.
func (x box) settle(r alert.Receipt) error {
	for _, f := range x.incidents(r.Fingerprint, r.StartsAt) {
		var err error
		switch r.Told {
		case alert.ToldLate:
			err = x.hold(f.key, r.Until)
		case alert.ToldFiring:
			if !f.Resolved {
				err = x.b.Delete(f.key)
			}
		case alert.ToldEnded:
			if f.Resolved {
				err = x.b.Delete(f.key)
			}
		case alert.ToldNever:
			err = x.b.Delete(f.key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hold notes until when an entry is held.
func (x box) hold(key []byte, until time.Time) error {
	e, err := decodeEntry(x.b.Get(key))
	if err != nil {
		return nil // which is in nobody's way
	}
	e.HeldUntil = until
	return x.put(e)
}

// trim drops the oldest entries of an outbox that holds more than its capacity,
// a tenth more than it must so that this is rare, and returns how many.
func (x box) trim(capacity int) (dropped int, err error) {
	type aged struct {
		key   []byte
		since time.Time
	}
	var all []aged
	c := x.b.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		var e entry // the zero time of one that cannot be read is the oldest
		_ = json.Unmarshal(v, &e)
		all = append(all, aged{bytes.Clone(k), latest(e.LastStart, e.StartsAt)})
	}
	if len(all) <= capacity {
		return 0, nil
	}
	slices.SortStableFunc(all, func(a, b aged) int { return a.since.Compare(b.since) })
	for _, a := range all[:len(all)-capacity+capacity/10] {
		if err := x.b.Delete(a.key); err != nil {
			return dropped, err
		}
		dropped++
	}
	return dropped, nil
}
