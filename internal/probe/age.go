package probe

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// timeLayouts are how services write times, the most usual first. A layout
// without a zone is read as UTC.
var timeLayouts = []string{
	time.RFC3339Nano,
	time.DateTime,                   // ClickHouse; a fraction is accepted too
	"2006-01-02T15:04:05",           // PostgREST, column type timestamp
	"2006-01-02 15:04:05Z07:00",     // PostgreSQL, with minutes in the zone
	"2006-01-02 15:04:05Z07",        // PostgreSQL, column type timestamptz
	"2006-01-02 15:04:05 -0700 MST", // Go
	http.TimeFormat,
	time.DateOnly,
}

// readTime reads a time as services report it: text in one of the layouts, or
// the seconds, milliseconds, microseconds or nanoseconds since 1970.
func readTime(value any) (time.Time, error) {
	switch v := value.(type) {
	case time.Time:
		return v, nil
	case float64:
		return unixTime(v)
	case int:
		return unixTime(float64(v))
	case string:
		for _, layout := range timeLayouts {
			if parsed, err := time.Parse(layout, v); err == nil {
				return parsed, nil
			}
		}
		if number, err := strconv.ParseFloat(v, 64); err == nil {
			return unixTime(number)
		}
	case nil:
		return time.Time{}, fmt.Errorf("no time there, found null")
	}
	return time.Time{}, fmt.Errorf("%s is not a time (RFC 3339, 2006-01-02 15:04:05 or Unix)", show(value))
}

// unixTime tells the unit by the size: seconds until the year 5138.
func unixTime(number float64) (time.Time, error) {
	seconds := number
	for _, unit := range []float64{1e3, 1e6, 1e9} {
		if math.Abs(number) >= 1e8*unit {
			seconds = number / unit
		}
	}
	if math.IsNaN(seconds) || math.Abs(seconds) >= 1e11 {
		return time.Time{}, fmt.Errorf("%v is not a Unix time", number)
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), nil
}
