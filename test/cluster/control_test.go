package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"
)

// resendDelay is what tocsin and the control sender have in common.
const resendDelay = 20 * time.Second

// control tells the members of the target's incidents as Prometheus does: each
// change at once, and all again after the resend delay, also what is over, for 15
// minutes. What a request that fails was to bring comes with the next resend.
type control struct {
	target *target
	client *http.Client
	sent   map[string]sent // owned by run
	queues []chan []byte   // one for each member
}

// sent is when an incident was last told, and whether its end has been.
type sent struct {
	at    time.Time
	ended bool
}

// startControl runs a control sender until the test ends.
func startControl(t *testing.T, tg *target, via *http.Transport, members []string) {
	c := &control{target: tg, client: &http.Client{Transport: via, Timeout: 10 * time.Second}, sent: map[string]sent{}}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, url := range members {
		queue := make(chan []byte, 1000) // more than there is in a test
		c.queues = append(c.queues, queue)
		running.Go(func() { c.deliver(ctx, url+"/api/v2/alerts", queue) })
	}
	running.Go(func() { c.run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

// postable is an alert as the API takes it.
type postable struct {
	Labels   map[string]string `json:"labels"`
	StartsAt time.Time         `json:"startsAt"`
	EndsAt   time.Time         `json:"endsAt"`
}

func (c *control) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if due := c.due(now); len(due) > 0 {
				body, err := json.Marshal(due)
				if err != nil {
					panic(err)
				}
				for _, q := range c.queues {
					q <- body
				}
			}
		}
	}
}

// due are the alerts to be told now.
func (c *control) due(now time.Time) (due []postable) {
	for _, in := range c.target.all() {
		last, ended := c.sent[in.name], !in.ended.IsZero()
		if (last.at.IsZero() && ended) || (last.ended == ended && now.Sub(last.at) < resendDelay) {
			continue
		}
		c.sent[in.name] = sent{at: now, ended: ended}
		p := postable{
			Labels:   map[string]string{"alertname": "Fault", "incident": in.name, "sender": "control"},
			StartsAt: in.began, EndsAt: now.Add(4 * resendDelay),
		}
		if ended {
			p.EndsAt = in.ended
		}
		due = append(due, p)
	}
	return due
}

// deliver sends what is in a member's queue, one after the other.
func (c *control) deliver(ctx context.Context, url string, queue chan []byte) {
	for {
		select {
		case <-ctx.Done():
			return
		case body := <-queue:
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
			if err != nil {
				panic(err)
			}
			req.Header.Set("Content-Type", "application/json")
			res, err := c.client.Do(req)
			if err != nil {
				continue // it comes with the next resend
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	}
}
