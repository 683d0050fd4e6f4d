package main

import (
	"errors"
	"os"
	"testing"
	"time"
)

func TestUsageOfThisProcess(t *testing.T) {
	u, err := usageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if u.rss < u.anon || u.anon <= 0 || u.peak <= 0 || u.written < 0 {
		t.Errorf("usage %+v", u)
	}
	sum := u.add(u)
	if sum.rss != 2*u.rss || sum.cpu != 2*u.cpu || sum.written != 2*u.written {
		t.Errorf("sum %+v of %+v", sum, u)
	}
}

func TestCPUTimeIsThatOfTheProcess(t *testing.T) {
	busy, err := startProcess(t.TempDir(), []string{"sh", "-c", "while :; do :; done"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.kill() })
	err = poll(t.Context(), time.Millisecond, time.Minute, func() error {
		used, err := cpuTime(busy.pid())
		if err == nil && used < 5*time.Millisecond {
			err = errors.New("it has done nothing yet")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	_ = busy.kill()
	if used, err := cpuTime(busy.pid()); err == nil {
		t.Errorf("%s of a process that has ended", used)
	}
}

func TestStrippedSize(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(self)
	if err != nil {
		t.Fatal(err)
	}
	got, err := strippedSize(self)
	if err != nil || got <= 0 || got > info.Size() {
		t.Errorf("%d of %d bytes, %v", got, info.Size(), err)
	}
}
