package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium is the one process of all tests, which share it as tabs that know nothing
// of each other.
var chromium struct {
	once sync.Once
	ctx  context.Context
	end  []func()
	err  error
}

func startChromium() (context.Context, error) {
	chromium.once.Do(func() {
		options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
			chromedp.DisableGPU,
			// Whatever asks for another host is told that there is none.
			chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"),
			chromedp.WSURLReadTimeout(time.Minute),
			chromedp.UserDataDir(scratch+"/chromium"),
		)
		if os.Getuid() == 0 {
			options = append(options, chromedp.NoSandbox) // Chromium's own sandbox refuses root
		}
		allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, endBrowser := chromedp.NewContext(allocator)
		chromium.ctx, chromium.end = ctx, []func(){endBrowser, endAllocator}
		chromium.err = chromedp.Do(ctx)
	})
	return chromium.ctx, chromium.err
}

// closeChromium ends the process that startChromium has started, if it has.
func closeChromium() {
	for _, end := range chromium.end {
		end()
	}
}

// tab is a window of its own, with what went wrong in it.
type tab struct {
	t    *testing.T
	base string // of the tocsin that it looks at
	ctx  context.Context

	mu       sync.Mutex
	requests []string // guarded by mu
	faults   []string // guarded by mu: errors, broken policies, dialogs, requests elsewhere
	expected []string // guarded by mu: parts of addresses that may answer with an error
}

// newTab opens a tab for the pages at base, and judges at the test's end what went
// on in it.
func newTab(t *testing.T, base string) *tab {
	t.Helper()
	b := openTab(t, base)
	t.Cleanup(func() {
		for _, f := range b.takeFaults() {
			t.Errorf("the browser reports: %s", f)
		}
	})
	return b
}

func openTab(t *testing.T, base string) *tab {
	t.Helper()
	needs(t, "chromium")
	browser, err := startChromium()
	if err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	b := &tab{t: t, base: base}
	ctx, end := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.note))
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil { // a tab lives as long as the context of its first call
		t.Fatalf("open a tab: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	b.ctx = ctx
	for _, enable := range []cdp.Command[cdp.Empty, cdp.Empty]{log.Enable, runtime.Enable, audits.Enable} {
		call(b, enable, cdp.Empty{})
	}
	call(b, page.Enable, page.EnableParams{})
	call(b, network.Enable, network.EnableParams{})
	// A window that has not the focus paints no focus.
	call(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	b.size(1280, 900)
	return b
}

// call gives the tab one command of the protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}

// note records what a page does that it must not.
func (b *tab) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fault := func(format string, args ...any) { b.faults = append(b.faults, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if u := e.Request.URL; !strings.HasPrefix(u, "data:") {
			b.requests = append(b.requests, u)
			if !strings.HasPrefix(u, b.base+"/") {
				fault("request to another host: %.200s", u)
			}
		}
	case *network.EventWebSocketCreated:
		fault("web socket: %s", e.URL)
	case *runtime.EventConsoleAPICalled:
		switch e.Type {
		case runtime.ConsoleAPICalledTypeError, runtime.ConsoleAPICalledTypeWarning, runtime.ConsoleAPICalledTypeAssert:
			fault("console: %s", e.Args[0].Value)
		}
	case *runtime.EventExceptionThrown:
		fault("exception: %s", (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *log.EventEntryAdded:
		expected := e.Entry.Source == log.EntrySourceNetwork &&
			slices.ContainsFunc(b.expected, func(part string) bool { return strings.Contains(e.Entry.URL, part) })
		if e.Entry.Level == log.EntryLevelError && !expected {
			fault("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		if d := e.Issue.Details.ContentSecurityPolicyIssueDetails; d != nil {
			fault("policy: %s %s", d.ViolatedDirective, d.BlockedURL)
		}
	case *page.EventJavascriptDialogOpening:
		fault("dialog: %s", e.Message)
		// The listener must not wait, and the page waits for an answer.
		go func() {
			_, _ = chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{})
		}()
	}
}

// takeFaults are those so far, which are forgotten.
func (b *tab) takeFaults() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.faults
	b.faults = nil
	return list
}

// expectErrors says that requests whose address has this part may fail from here on,
// or be answered with an error: the browser logs that, whatever the page makes of it.
func (b *tab) expectErrors(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, part)
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// enter presses Enter as a keyboard does: what it types goes with the key, and a page
// that handles the key types nothing.
func (b *tab) enter() {
	b.t.Helper()
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		key := input.DispatchKeyEventParams{Type: kind, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13}
		if kind == input.DispatchKeyEventTypeKeyDown {
			key.Text = "\r"
		}
		call(b, input.DispatchKeyEvent, key)
	}
}

// size is the window's, in CSS pixels.
func (b *tab) size(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

// scheme is what the system asks for: dark or light.
func (b *tab) scheme(name string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
}

// open goes to a page, and waits until it is loaded.
func (b *tab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + path))
}

// eval is the value of an expression of JavaScript in the page. It is evaluated by
// the debugger, which no content security policy binds.
func eval[T any](b *tab, js string) T {
	b.t.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%.300s: %v", js, err)
	}
	return out
}

// until waits for an expression of JavaScript to be true.
func (b *tab) until(what, js string) {
	b.t.Helper()
	eventually(b.t, what, func() error {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+js+")"))
		if err != nil || ok {
			return err
		}
		text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.innerText`))
		return errors.Join(err, fmt.Errorf("%s is false; the page says:\n%.3000s", js, text))
	})
}
