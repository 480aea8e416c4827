package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// visitors ask for pages at a steady rate, whether or not those before were
// answered. What an answer takes is counted from when it should have been asked
// for: one that comes late makes those behind it late, too.
type visitors struct {
	rate float64 // requests a second
	// after is when the first comes.
	after time.Duration
	// request makes each.
	request func(ctx context.Context, n int) (*http.Request, error)

	mu sync.Mutex
	// first and whole are the times to the first byte and to the last.
	first, whole []time.Duration
	// bytes is the size of the largest answer as it was sent.
	bytes int
	// refused counts answers that were none, and refusal is the latest of them.
	refused int
	refusal error
}

// browser keeps connections, and takes answers as they are sent.
func browser() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}}
}

// come makes requests for a while and waits for their answers. It is an error if
// there are none.
func (v *visitors) come(ctx context.Context, client *http.Client, window time.Duration) error {
	var under sync.WaitGroup
	defer under.Wait()
	begun := time.Now().Add(v.after)
	for n := 0; ; n++ {
		due := begun.Add(time.Duration(float64(n) / v.rate * float64(time.Second)))
		if n > 0 && due.Sub(begun) >= window-v.after {
			break
		}
		if err := sleep(ctx, time.Until(due)); err != nil {
			return err
		}
		under.Go(func() { v.visit(ctx, client, n, due) })
	}
	under.Wait()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.whole) == 0 {
		return v.refusal
	}
	return nil
}

// visit makes one request and notes what its answer took.
func (v *visitors) visit(ctx context.Context, client *http.Client, n int, due time.Time) {
	var first time.Time
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotFirstResponseByte: func() { first = time.Now() }})
	bytes, err := v.answer(ctx, client, n)
	last := time.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil {
		v.refused, v.refusal = v.refused+1, err
		return
	}
	v.first, v.whole = append(v.first, first.Sub(due)), append(v.whole, last.Sub(due))
	v.bytes = max(v.bytes, bytes)
}

// answer reads a whole answer, which must be one, and returns its size.
func (v *visitors) answer(ctx context.Context, client *http.Client, n int) (int, error) {
	request, err := v.request(ctx, n)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	body, err := io.Copy(io.Discard, response.Body)
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", request.URL, err)
	}
	if response.StatusCode != http.StatusOK || body == 0 {
		return 0, fmt.Errorf("%s: %s, %d bytes", request.URL, response.Status, body)
	}
	return int(body), nil
}

// note adds what was found to values, under a name.
func (v *visitors) note(found values, name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	found[name+"_requests"] = float64(len(v.whole))
	found[name+"_first_p50"], found[name+"_first_p99"] = quantile(v.first, 0.5), quantile(v.first, 0.99)
	found[name+"_whole_p50"], found[name+"_whole_p99"] = quantile(v.whole, 0.5), quantile(v.whole, 0.99)
	found[name+"_whole_max"] = quantile(v.whole, 1)
	found["refused"] += float64(v.refused)
	found[name+"_kb"] = float64(v.bytes) / 1e3
}

// gets makes requests for the addresses in turn.
func gets(base string, addresses []string, headers map[string]string) func(context.Context, int) (*http.Request, error) {
	return func(ctx context.Context, n int) (*http.Request, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+addresses[n%len(addresses)], nil)
		if err != nil {
			return nil, err
		}
		for name, value := range headers {
			request.Header.Set(name, value)
		}
		return request, nil
	}
}
