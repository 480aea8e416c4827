//go:build !noembed

package devserver

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"go.temporal.io/api/enums/v1"
	persistencespb "go.temporal.io/server/api/persistence/v1"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/persistence"
	"go.temporal.io/server/common/persistence/serialization"
	"go.temporal.io/server/common/persistence/sql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	"go.temporal.io/server/common/resolver"
	"go.temporal.io/server/common/searchattribute/sadefs"
	"go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// prepareNamespace creates the namespace if it is missing, and brings it up to
// the options: retention and search attributes. It removes no search attribute.
//
// It writes to the file before the server reads it. A change through the API
// would reach the caches of the four services one by one, seconds later, and
// until then workflows using a new search attribute would fail.
func prepareNamespace(ctx context.Context, store *config.SQL, o Options) error {
	created, err := sqlite.NewNamespaceConfig(clusterName, o.Namespace, false, nil)
	if err != nil {
		return fmt.Errorf("namespace %s: %w", o.Namespace, err)
	}
	if err := sqlite.CreateNamespaces(store, created); err != nil {
		return fmt.Errorf("namespace %s: %w", o.Namespace, err)
	}
	db, err := sql.NewSQLDB(sqlplugin.DbKindMain, store, resolver.NewNoopResolver(), log.NewNoopLogger(), metrics.NoopMetricsHandler)
	if err != nil {
		return fmt.Errorf("namespace %s: %w", o.Namespace, err)
	}
	defer func() { _ = db.Close() }()
	if err := updateNamespace(ctx, db, o); err != nil {
		return fmt.Errorf("namespace %s: %w", o.Namespace, err)
	}
	return nil
}

func updateNamespace(ctx context.Context, db sqlplugin.Namespace, o Options) error {
	rows, err := db.SelectFromNamespace(ctx, sqlplugin.NamespaceFilter{Name: &o.Namespace})
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if len(rows) != 1 {
		return fmt.Errorf("read: found %d of it", len(rows))
	}
	row := rows[0]
	codec := serialization.NewSerializer()
	found, err := codec.NamespaceDetailFromBlob(persistence.NewDataBlob(row.Data, row.DataEncoding))
	if err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	wanted := proto.CloneOf(found)
	wanted.Config.Retention = durationpb.New(o.Retention)
	if err := addSearchAttributes(wanted.Config, o.SearchAttributes); err != nil {
		return err
	}
	if proto.Equal(found, wanted) {
		return nil
	}
	blob, err := codec.NamespaceDetailToBlob(wanted)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	row.Data, row.DataEncoding = blob.GetData(), blob.GetEncodingType().String()
	if _, err := db.UpdateNamespace(ctx, &row); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// addSearchAttributes gives every wanted attribute one of the fields that the
// schema holds for its type, such as Keyword01.
func addSearchAttributes(namespace *persistencespb.NamespaceConfig, wanted map[string]enums.IndexedValueType) error {
	fields := sadefs.GetDBIndexSearchAttributes(nil).GetCustomSearchAttributes()
	if namespace.CustomSearchAttributeAliases == nil {
		namespace.CustomSearchAttributeAliases = map[string]string{}
	}
	names := namespace.CustomSearchAttributeAliases // field to name
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		kind := wanted[name]
		if field, there := fieldOf(names, name); there {
			if fields[field] != kind {
				return fmt.Errorf("search attribute %s is of type %s in this data directory and should be %s: choose another directory with --data",
					name, fields[field], kind)
			}
			continue
		}
		field, free := freeField(fields, names, kind)
		if !free {
			return fmt.Errorf("search attribute %s: all fields of type %s are in use", name, kind)
		}
		names[field] = name
	}
	return nil
}

func fieldOf(names map[string]string, name string) (field string, there bool) {
	for field, used := range names {
		if used == name {
			return field, true
		}
	}
	return "", false
}

// freeField returns the first field of the type that bears no name yet.
func freeField(fields map[string]enums.IndexedValueType, names map[string]string, kind enums.IndexedValueType) (string, bool) {
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if _, used := names[field]; !used && fields[field] == kind {
			return field, true
		}
	}
	return "", false
}
