package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"paramedic/internal/web/access"
)

// decode reads the JSON object of a request. No body at all is an empty object.
// Fields that into does not have are refused, so that a mistyped one is not
// taken for one left out.
func decode(r *http.Request, into any) error {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return unread(err)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	if err := checkType(r.Header.Get("Content-Type")); err != nil {
		return err
	}
	if !utf8.Valid(text) {
		return fault{http.StatusBadRequest, "the body is not valid UTF-8"}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return misread(text, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return faultf(http.StatusBadRequest, "the body has something after its JSON object, at %s", position(text, decoder.InputOffset()))
	}
	return nil
}

func checkType(contentType string) error {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err == nil && mediaType == "application/json" {
		return nil
	}
	if contentType == "" {
		contentType = "none"
	}
	return faultf(http.StatusUnsupportedMediaType, "the Content-Type is %s; send JSON as application/json", clip(contentType))
}

// misread says where a body is wrong.
func misread(text []byte, err error) error {
	var (
		syntax *json.SyntaxError
		typed  *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &syntax):
		return faultf(http.StatusBadRequest, "the body is not JSON: %s at %s", syntax.Error(), position(text, syntax.Offset))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return faultf(http.StatusBadRequest, "the body is not JSON: it ends too early at %s", position(text, int64(len(text))))
	case errors.As(err, &typed) && typed.Field == "":
		return faultf(http.StatusBadRequest, "the body is a JSON %s; send an object like {}", typed.Value)
	case errors.As(err, &typed):
		return faultf(http.StatusUnprocessableEntity, "%s at %s: a JSON %s cannot be its value; it takes %s",
			fieldName(typed.Field), position(text, typed.Offset), typed.Value, jsonName(typed.Type.Kind().String()))
	}
	if _, name, unknown := strings.Cut(err.Error(), "unknown field "); unknown {
		return faultf(http.StatusBadRequest, "unknown field %s%s", clip(name), fieldPosition(text, name))
	}
	return faultf(http.StatusBadRequest, "the body cannot be read: %s", clip(err.Error()))
}

// fieldName is what the body calls a field: package encoding/json puts the names
// of the Go structs before it that a body is made of.
func fieldName(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, "window."), "choice.")
}

// jsonName is what JSON calls a kind of Go's types.
func jsonName(kind string) string {
	switch kind {
	case "bool":
		return "true or false"
	case "slice":
		return "a list"
	case "map", "struct":
		return "an object"
	case "string":
		return "a text"
	default:
		return "a number"
	}
}

// position writes an offset into a text as line and column, from 1.
func position(text []byte, offset int64) string {
	before := text[:min(max(0, offset-1), int64(len(text)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Sprintf("line %d, column %d", line, column)
}

// fieldPosition says where a field stands, if it can be found.
func fieldPosition(text []byte, quoted string) string {
	place := regexp.MustCompile(regexp.QuoteMeta(quoted) + `\s*:`).FindIndex(text)
	if place == nil {
		return ""
	}
	return " at " + position(text, int64(place[0]+1))
}

// Limits of what people write, in bytes; incidents keep no more.
const (
	nameLimit = 100
	noteLimit = 500
)

// author is who acts. Where everybody is the person at this machine, the body
// must say who that is; elsewhere it cannot name somebody else.
func author(r *http.Request, by string) (string, error) {
	who, by := access.From(r.Context()), strings.TrimSpace(by)
	switch {
	case who.Method != access.MethodLocal && by != "" && by != who.Name:
		return "", faultf(http.StatusUnprocessableEntity, "by: you are known as %q; leave by out, or write that name", clip(who.Name))
	case who.Method != access.MethodLocal:
		by = who.Name
	}
	if by == "" {
		return "", fault{http.StatusUnprocessableEntity, `by: who are you? Add your name, for example {"by": "ana"}`}
	}
	return by, plain("by", by, nameLimit)
}

// plain checks a text of one line.
func plain(field, text string, limit int) error {
	if len(text) > limit {
		return faultf(http.StatusUnprocessableEntity, "%s: %d bytes are too many; at most %d are kept", field, len(text), limit)
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return faultf(http.StatusUnprocessableEntity, "%s: write it on one line, without control characters", field)
	}
	return nil
}

// prose checks a text that may have several lines.
func prose(field, text string, limit int) error {
	return plain(field, strings.NewReplacer("\n", " ", "\r", " ", "\t", " ").Replace(text), limit)
}
