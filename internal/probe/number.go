package probe

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// oneValue reads the only value of a result: a number, a time, a text, or nil
// for NULL.
func oneValue(rows driver.Rows) (any, error) {
	if columns := len(rows.Columns()); columns != 1 {
		return nil, fmt.Errorf("the query returned %d columns, not one value", columns)
	}
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return nil, err
		}
		return nil, errors.New("the query returned no row")
	}
	value := reflect.New(rows.ColumnTypes()[0].ScanType())
	if err := rows.Scan(value.Interface()); err != nil {
		return nil, err
	}
	if rows.Next() {
		return nil, errors.New("the query returned more than one row")
	}
	return plainValue(value.Elem()), rows.Err()
}

// plainValue follows pointers, and reads big integers and decimals, which the
// driver has types of its own for, as numbers.
func plainValue(value reflect.Value) any {
	for value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return nil
		}
		_, isTime := value.Interface().(*time.Time)
		if _, isBig := value.Interface().(fmt.Stringer); isBig && !isTime {
			break
		}
		value = value.Elem()
	}
	switch v := value.Interface().(type) {
	case time.Time:
		return v
	case fmt.Stringer:
		text := v.String()
		if number, err := strconv.ParseFloat(text, 64); err == nil {
			return number
		}
		return text
	default:
		return v
	}
}

// asNumber reads a value that has to be a number.
func asNumber(value any) (float64, error) {
	switch v := reflect.ValueOf(value); {
	case value == nil:
		return 0, errors.New("the query returned NULL, not a number")
	case v.CanInt():
		return float64(v.Int()), nil
	case v.CanUint():
		return float64(v.Uint()), nil
	case v.CanFloat():
		return v.Float(), nil
	}
	number, err := strconv.ParseFloat(fmt.Sprint(value), 64)
	if err != nil {
		return 0, fmt.Errorf("the query returned %s, not a number", show(value))
	}
	return number, nil
}
