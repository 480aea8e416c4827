package api

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"paramedic/internal/board"
	"paramedic/internal/health"
)

const (
	// importLimit is the most targets that one import takes, importBody the most
	// bytes, importLine the longest line.
	importLimit = 100_000
	importBody  = 64 << 20
	importLine  = 32 << 10
	// importPart is how many targets are stored in one transaction.
	importPart = 1000
	// importTime is how long an import may take, importPause how long it waits
	// for more of the body.
	importTime  = 5 * time.Minute
	importPause = 30 * time.Second
	// importMistakes is how many lines that were refused are named.
	importMistakes = 100
	typeNDJSON     = "application/x-ndjson"
)

// Imported says what became of an import.
type Imported struct {
	// Lines counts the targets that were sent.
	Lines     int `json:"lines"`
	Created   int `json:"created"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	// Refused counts the lines that were not taken; Errors names the first of them.
	Refused int           `json:"refused"`
	Errors  []ImportError `json:"errors"`
}

// ImportError is a line that was not taken.
type ImportError struct {
	// Line counts from 1.
	Line   int    `json:"line"`
	Target string `json:"target"`
	Detail string `json:"detail"`
}

// importTargets registers the targets of the body, one a line, and gives those
// that are there the labels that stand in it. A line that is wrong does not
// keep the others out.
func (a *API) importTargets(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), importTime)
	defer cancel()
	r = r.WithContext(ctx)
	control := http.NewResponseController(w)
	// A writer without deadlines needs no later ones.
	_ = control.SetWriteDeadline(time.Now().Add(importTime + writeTime))
	a.reading(func(r *http.Request) (int, any, error) {
		s, source, err := a.registry(r)
		if err := cmp.Or(err, ndjson(r.Header.Get("Content-Type"))); err != nil {
			return 0, nil, err
		}
		listed, err := a.listed(r.Context(), s.Name, source)
		if err != nil {
			return 0, nil, err
		}
		i := &importing{API: a, service: s, foreign: listed, patience: func() {
			_ = control.SetReadDeadline(time.Now().Add(importPause))
		}}
		i.Errors = []ImportError{}
		err = i.run(r)
		if i.Created+i.Changed > 0 && a.Refresh != nil {
			a.Refresh(s.Name)
		}
		if err != nil {
			return 0, nil, a.partly(r.Context(), err, "%d lines were read, %d targets created, %d changed; importing again is safe", i.Lines, i.Created, i.Changed)
		}
		return http.StatusOK, i.Imported, nil
	})(w, r)
}

func ndjson(contentType string) error {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err == nil && mediaType == typeNDJSON {
		return nil
	}
	return faultf(http.StatusUnsupportedMediaType, "the Content-Type is %s; send one JSON object a line as %s", clip(cmp.Or(contentType, "none")), typeNDJSON)
}

// importing is an import under way.
type importing struct {
	*API
	Imported
	service board.Service
	// foreign are the targets that do not come from the API, with their sources.
	foreign  map[string]string
	patience func()
	part     []health.Target
}

func (i *importing) run(r *http.Request) error {
	body := bufio.NewReaderSize(r.Body, importLine)
	for number := 1; ; number++ {
		if number%importPart == 1 {
			i.patience()
		}
		line, err := body.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = body.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return unread(err)
		}
		last := err != nil
		if err := i.take(r.Context(), number, line, long); err != nil {
			return err
		}
		if last {
			return i.flush(r.Context())
		}
	}
}

// take reads one line; an empty one is none.
func (i *importing) take(ctx context.Context, number int, line []byte, long bool) error {
	line = bytes.TrimSpace(line)
	if len(line) == 0 && !long {
		return nil
	}
	if i.Lines == importLimit {
		return cmp.Or(i.flush(ctx), error(faultf(http.StatusRequestEntityTooLarge, "an import takes at most %d targets; send the rest in another one", importLimit)))
	}
	i.Lines++
	if long {
		i.refuse(number, "", fmt.Sprintf("the line is longer than %d bytes", importLine))
		return nil
	}
	target, err := readLine(line)
	if err == nil {
		err = i.accept(i.service.Name, target)
	}
	if from := i.foreign[target.Name]; err == nil && from != "" {
		err = errors.New("it " + elsewhere[from])
	}
	if err != nil {
		i.refuse(number, target.Name, err.Error())
		return nil
	}
	if i.part = append(i.part, target); len(i.part) == importPart {
		return i.flush(ctx)
	}
	return nil
}

// readLine reads one target.
func readLine(line []byte) (target health.Target, err error) {
	if !utf8.Valid(line) {
		return target, errors.New("it is not valid UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&target); err != nil {
		return target, errors.New(strings.Replace(misread(line, err).Error(), "the body", "it", 1))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return target, errors.New("it has something after its JSON object")
	}
	return target, nil
}

// refuse notes a line that was not taken.
func (i *importing) refuse(line int, target, why string) {
	i.Refused++
	if len(i.Errors) < importMistakes {
		i.Errors = append(i.Errors, ImportError{line, clip(target), health.Clip(why, noteLimit)})
	}
}

// flush stores what was read, all of it in one transaction.
func (i *importing) flush(ctx context.Context) error {
	if len(i.part) == 0 {
		return nil
	}
	created, changed, unchanged, err := i.Store.ImportTargets(ctx, i.service.Name, i.part)
	i.part = i.part[:0]
	if err != nil {
		return i.unkept(err)
	}
	i.Created, i.Changed, i.Unchanged = i.Created+created, i.Changed+changed, i.Unchanged+unchanged
	return nil
}
