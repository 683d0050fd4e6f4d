package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// lane is one contestant at work, with a target, an Alertmanager and a directory
// of its own.
type lane struct {
	contestant
	setup     setup
	target    *target
	receiver  *receiver
	processes []*process
	started   time.Time
}

// newLane makes all that a contestant meets, and starts nothing.
func newLane(c contestant, dir string, w workload, m *metrics) (*lane, error) {
	own, err := os.MkdirTemp(dir, c.name+"-")
	if err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	l := &lane{contestant: c, setup: setup{dir: own, interval: w.interval, past: w.past, remoteWrite: w.past > 0, resendDelay: time.Minute}}
	l.setup.rules = filepath.Join(l.setup.dir, "rules.yml")
	if err := os.WriteFile(l.setup.rules, []byte(w.ruleFile()), 0o644); err != nil {
		return nil, fmt.Errorf("write rules: %w", err)
	}
	for range c.paths {
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		l.setup.listen = append(l.setup.listen, address)
	}
	if l.receiver, err = newReceiver(); err != nil {
		return nil, err
	}
	if l.target, err = newTarget(m); err != nil {
		return nil, errors.Join(err, l.receiver.close(context.Background()))
	}
	l.setup.target, l.setup.receiver = l.target.url, l.receiver.url
	return l, nil
}

// start runs the programs, each once the one before it listens.
func (l *lane) start(ctx context.Context) error {
	commands, err := l.commands(l.contestant, l.setup)
	if err != nil {
		return err
	}
	l.processes, l.started = nil, time.Now()
	for i, command := range commands {
		if i > 0 {
			if err := l.listens(ctx, i-1); err != nil {
				return err
			}
		}
		p, err := startProcess(l.setup.dir, command)
		if err != nil {
			return err
		}
		l.processes = append(l.processes, p)
	}
	return nil
}

// startLimit is for a start, with all that a process may have to replay.
const startLimit = 3 * time.Minute

func (l *lane) listens(ctx context.Context, i int) error {
	return l.poll(ctx, often, startLimit, func() error {
		c, err := net.Dial("tcp", l.setup.listen[i])
		if err != nil {
			return err
		}
		return c.Close()
	})
}

// up starts the programs with the past that they shall have, and waits until they
// work.
func (l *lane) up(ctx context.Context) error {
	if l.setup.past == 0 {
		if err := l.start(ctx); err != nil {
			return err
		}
		return l.ready(ctx)
	}
	l.target.answer(false) // a series takes nothing that is older than its newest sample
	if err := l.start(ctx); err != nil {
		return err
	}
	if err := l.takesSamples(ctx); err != nil {
		return err
	}
	h, err := l.target.metrics.pastScrapes(l)
	if err != nil {
		return err
	}
	if err := l.fill(ctx, h); err != nil {
		return err
	}
	l.target.answer(true)
	return l.ready(ctx)
}

// ready waits until every rule has been evaluated over a scrape, and alerts can
// be delivered.
func (l *lane) ready(ctx context.Context) error {
	seen := l.target.count()
	return l.poll(ctx, seldom, startLimit, func() error {
		if n := l.target.count(); n < seen+2 {
			return fmt.Errorf("%d scrapes", n-seen)
		}
		st, err := l.evaluated()
		if err != nil {
			return err
		}
		if st.pending > 0 {
			return fmt.Errorf("%d rules not evaluated yet", st.pending)
		}
		return l.knowsAlertmanager()
	})
}

// poll is poll, and fails at once when a process has ended.
func (l *lane) poll(ctx context.Context, every, within time.Duration, check func() error) error {
	var dead error
	err := poll(ctx, every, within, func() error {
		for _, p := range l.processes {
			if dead = p.alive(); dead != nil {
				return nil
			}
		}
		return check()
	})
	if err := errors.Join(dead, err); err != nil {
		return fmt.Errorf("%s: %w", l.name, err)
	}
	return nil
}

// evaluation is what the rules API tells of the rules.
type evaluation struct {
	evaluated, pending int           // rules
	longest            time.Duration // of the last evaluations of a group
}

// evaluated asks the contestant what it has evaluated.
func (l *lane) evaluated() (evaluation, error) {
	var reply struct {
		Data struct {
			Groups []struct {
				Rules []struct {
					EvaluationTime float64
					LastEvaluation time.Time
				}
			}
		}
	}
	if err := l.get("/api/v1/rules", &reply); err != nil {
		return evaluation{}, err
	}
	var out evaluation
	for _, g := range reply.Data.Groups {
		var took time.Duration
		for _, r := range g.Rules {
			if r.LastEvaluation.Year() < 2000 { // never, in each contestant's own way
				out.pending++
				continue
			}
			out.evaluated++
			took += time.Duration(r.EvaluationTime * float64(time.Second))
		}
		out.longest = max(out.longest, took)
	}
	if out.evaluated+out.pending == 0 {
		return out, errors.New("no rules yet")
	}
	return out, nil
}

// knowsAlertmanager fails until the contestant has discovered where to send.
func (l *lane) knowsAlertmanager() error {
	if !l.alertmanagersListed {
		return nil
	}
	var reply struct {
		Data struct{ ActiveAlertmanagers []any }
	}
	if err := l.get("/api/v1/alertmanagers", &reply); err != nil {
		return err
	}
	if len(reply.Data.ActiveAlertmanagers) == 0 {
		return errors.New("no Alertmanager discovered yet")
	}
	return nil
}

// get asks the API of the process that evaluates: the last one.
func (l *lane) get(path string, reply any) error {
	client := http.Client{Timeout: 30 * time.Second}
	resp, err := client.Get("http://" + l.setup.listen[len(l.setup.listen)-1] + path)
	if err != nil {
		return fmt.Errorf("ask %s: %w", l.name, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask %s: %s: %s", l.name, path, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(reply); err != nil {
		return fmt.Errorf("read answer of %s: %w", l.name, err)
	}
	return nil
}

// usage is what all processes have used since they were started.
func (l *lane) usage() (usage, error) {
	var sum usage
	for _, p := range l.processes {
		if err := p.alive(); err != nil {
			return usage{}, err
		}
		u, err := usageOf(p.pid())
		if err != nil {
			return usage{}, err
		}
		sum = sum.add(u)
	}
	return sum, nil
}

// stop ends the programs in order, the last one first; kill without warning.
func (l *lane) stop() error { return l.end((*process).stop) }
func (l *lane) kill() error { return l.end((*process).kill) }

func (l *lane) end(how func(*process) error) error {
	var errs []error
	for i := len(l.processes) - 1; i >= 0; i-- {
		errs = append(errs, how(l.processes[i]))
	}
	l.processes = nil
	return errors.Join(errs...)
}

// remove ends all that is left and deletes the data.
func (l *lane) remove() error {
	ctx := context.Background()
	end := l.kill
	if l.memory {
		end = l.stop // nobody else frees its files on tmpfs
	}
	return errors.Join(end(), l.target.close(ctx), l.receiver.close(ctx), os.RemoveAll(l.setup.dir))
}
