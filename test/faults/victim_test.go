package faults

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// victim is a tocsin that is killed and started again.
type victim struct {
	t      *testing.T
	dir    string // of rules and output
	data   string
	args   []string
	life   int
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process of this life has ended
	began  time.Time
	output string
}

func newVictim(t *testing.T, data, mode string, tg *target, am *receiver) *victim {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	v := &victim{t: t, dir: dir, data: data, output: filepath.Join(dir, "output")}
	v.args = []string{
		bin, "run", "--storage.path=" + data, "--storage.mode=" + mode,
		"--scrape.url=" + tg.url, "--alertmanager.url=" + am.url, "--rules.path=" + v.rules(),
		"--scrape.interval=" + interval.String(), "--evaluation.interval=" + interval.String(),
		"--alert.resend-delay=" + resendDelay.String(), "--alert.self=off", "--web.listen-address=off",
		"--external.labels=host=h", "--log.level=warn",
	}
	t.Cleanup(func() {
		if t.Failed() && v.cmd != nil {
			_ = v.cmd.Process.Signal(syscall.SIGQUIT) // what it hangs in, if it does
		}
		if err := v.end(); err != nil {
			t.Error(err)
		}
		v.clean()
		if t.Failed() {
			v.t.Logf("the last output:\n%s", v.tail())
		}
	})
	return v
}

// clean removes what a process that was killed in memory mode has left there.
func (v *victim) clean() {
	h := fnv.New64a()
	h.Write([]byte(v.data))
	left, err := filepath.Glob(fmt.Sprintf("/dev/shm/tocsin-%016x*", h.Sum64()))
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		v.t.Error(err)
	}
}

func (v *victim) journal() string { return filepath.Join(v.data, journalFile) }
func (v *victim) rules() string   { return filepath.Join(v.dir, "rules.yml") }

// start begins the next life.
func (v *victim) start() {
	v.t.Helper()
	out, err := os.OpenFile(v.output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		v.t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(v.args[0], v.args[1:]...)
	cmd.Env = []string{"HOME=" + v.dir}
	cmd.Dir = v.dir
	cmd.Stdout, cmd.Stderr = out, out
	// A test that is killed itself leaves nothing behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	v.began = time.Now()
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	v.cmd, v.ended = cmd, make(chan struct{})
	go func() {
		_ = cmd.Wait() // killed: that is how it is to end
		close(v.ended)
	}()
}

// kill ends the process without a warning and returns when it is gone.
func (v *victim) kill() {
	if err := v.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		v.t.Errorf("kill: %v", err)
	}
	<-v.ended
	v.cmd = nil
}

// end stops the process in good order, so that it leaves nothing in memory behind.
func (v *victim) end() error {
	if v.cmd == nil {
		return nil
	}
	if err := v.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-v.ended:
		v.cmd = nil
		return nil
	case <-time.After(patience):
		v.kill()
		return fmt.Errorf("tocsin takes more than %s to stop", patience)
	}
}

// alive reports whether the process has not ended by itself.
func (v *victim) alive() bool {
	select {
	case <-v.ended:
		return false
	default:
		return true
	}
}

// tail is the end of the output, for a test that failed.
func (v *victim) tail() string {
	text, err := os.ReadFile(v.output)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-64<<10):])
}
