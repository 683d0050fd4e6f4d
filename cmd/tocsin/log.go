package main

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// maxLine keeps a record below the 64 KiB at which a 20.10 engine stops
	// reading the plugin's output for good.
	maxLine = 16 << 10
	// logQueue is how many records wait while nobody reads our output.
	logQueue = 1024
	// logFlush is how long the end of the process waits for readers.
	logFlush = 300 * time.Millisecond
)

// logOutput writes records in the background and never blocks who logs: while
// the Docker daemon is down our stdout and stderr are full pipes.
type logOutput struct {
	to      io.Writer
	queue   chan []byte
	quit    chan struct{} // closed by close; the queue never is, as late steps log on
	done    chan struct{}
	dropped prometheus.Counter
	once    sync.Once
}

func newLogOutput(to io.Writer, dropped prometheus.Counter) *logOutput {
	o := &logOutput{to: to, queue: make(chan []byte, logQueue), quit: make(chan struct{}), done: make(chan struct{}), dropped: dropped}
	go o.run()
	return o
}

// run writes what comes, and after close what is queued.
func (o *logOutput) run() {
	defer close(o.done)
	for {
		select {
		case line := <-o.queue:
			_, _ = o.to.Write(line) // there is nowhere to report it
		case <-o.quit:
			for {
				select {
				case line := <-o.queue:
					_, _ = o.to.Write(line)
				default:
					return
				}
			}
		}
	}
}

// Write takes one record; slog's handlers call it once for each, under a lock.
func (o *logOutput) Write(line []byte) (int, error) {
	n := len(line)
	if n > maxLine {
		line = append(line[:maxLine:maxLine], " (cut)\n"...)
	}
	select {
	case o.queue <- append([]byte(nil), line...):
	default:
		o.dropped.Inc()
	}
	return n, nil
}

// close writes what is queued, as long as somebody reads it soon.
func (o *logOutput) close() {
	o.once.Do(func() { close(o.quit) })
	select {
	case <-o.done:
	case <-time.After(logFlush):
	}
}

// logger splits records by level, as the Docker engine logs stdout as info and
// stderr as error. What is logged after closeLog is lost.
func newLogger(level string, stdout, stderr io.Writer, reg prometheus.Registerer) (log *slog.Logger, closeLog func()) {
	dropped := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tocsin_log_records_dropped_total",
		Help: "Log records that were dropped because nobody read the output.",
	})
	reg.MustRegister(dropped)
	var min slog.Level
	if err := min.UnmarshalText([]byte(level)); err != nil {
		panic(err) // the settings have been checked
	}
	out, errs := newLogOutput(stdout, dropped), newLogOutput(stderr, dropped)
	opts := &slog.HandlerOptions{Level: min}
	h := &splitHandler{low: slog.NewTextHandler(out, opts), high: slog.NewTextHandler(errs, opts)}
	return slog.New(h), func() {
		var both sync.WaitGroup
		both.Go(out.close)
		both.Go(errs.close)
		both.Wait()
	}
}

// splitHandler sends warnings and errors one way, all else the other.
type splitHandler struct{ low, high slog.Handler }

func (h *splitHandler) pick(l slog.Level) slog.Handler {
	if l >= slog.LevelWarn {
		return h.high
	}
	return h.low
}

func (h *splitHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.pick(l).Enabled(ctx, l)
}

func (h *splitHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.pick(r.Level).Handle(ctx, r)
}

func (h *splitHandler) WithAttrs(as []slog.Attr) slog.Handler {
	return &splitHandler{h.low.WithAttrs(as), h.high.WithAttrs(as)}
}

func (h *splitHandler) WithGroup(name string) slog.Handler {
	return &splitHandler{h.low.WithGroup(name), h.high.WithGroup(name)}
}
