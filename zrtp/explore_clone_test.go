package zrtp

import (
	"encoding/binary"
	"reflect"
	"slices"
	"time"
	"unsafe"
)

// What the explorer needs of a value, whatever it is made of: a copy that shares
// no memory that can change, and a digest. Both reach unexported fields, so that
// a field added to Session tomorrow is part of the state without a word here.

var timeType = reflect.TypeFor[time.Time]()

// anatomy knows which fields of a struct count. It is filled as types are met.
type anatomy struct {
	// constant are names of fields that are never written to once they are made:
	// copies share them, and digests leave them out.
	constant map[string]bool
	deep     map[reflect.Type][]int // hold memory of their own
	counted  map[reflect.Type][]int // part of the state
}

func newAnatomy(constant ...string) *anatomy {
	a := &anatomy{map[string]bool{}, map[reflect.Type][]int{}, map[reflect.Type][]int{}}
	for _, name := range constant {
		a.constant[name] = true
	}
	return a
}

// fields are those of a struct that are not constant, and pass.
func (a *anatomy) fields(known map[reflect.Type][]int, t reflect.Type, pass func(reflect.Type) bool) []int {
	list, ok := known[t]
	if !ok {
		for i := range t.NumField() {
			if f := t.Field(i); !a.constant[f.Name] && pass(f.Type) {
				list = append(list, i)
			}
		}
		known[t] = list
	}
	return list
}

// deepCopy copies *p with all that it points to. Functions are shared.
func deepCopy[T any](a *anatomy, p *T) *T {
	fresh := new(T)
	*fresh = *p
	a.part(reflect.ValueOf(fresh).Elem())
	return fresh
}

// part gives a shallow copy memory of its own.
func (a *anatomy) part(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		a.partPointer(v)
	case reflect.Slice:
		if !v.IsNil() {
			fresh := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(fresh, v)
			v.Set(fresh)
			a.partElements(v)
		}
	case reflect.Array:
		a.partElements(v)
	case reflect.Map:
		a.partMap(v)
	case reflect.Struct:
		for _, i := range a.fields(a.deep, v.Type(), ownsMemory) {
			a.part(open(v.Field(i)))
		}
	default:
	}
}

func (a *anatomy) partPointer(v reflect.Value) {
	if v.IsNil() {
		return
	}
	if v.Kind() == reflect.Interface {
		inner := addressable(v.Elem())
		a.part(inner)
		v.Set(inner)
		return
	}
	fresh := reflect.New(v.Type().Elem())
	fresh.Elem().Set(v.Elem())
	a.part(fresh.Elem())
	v.Set(fresh)
}

func (a *anatomy) partElements(v reflect.Value) {
	if !ownsMemory(v.Type().Elem()) {
		return
	}
	for i := range v.Len() {
		a.part(v.Index(i))
	}
}

func (a *anatomy) partMap(v reflect.Value) {
	if v.IsNil() {
		return
	}
	fresh := reflect.MakeMapWithSize(v.Type(), v.Len())
	for _, key := range v.MapKeys() {
		value := addressable(v.MapIndex(key))
		a.part(value)
		fresh.SetMapIndex(key, value)
	}
	v.Set(fresh)
}

// ownsMemory tells whether values of a type may point to memory that changes.
func ownsMemory(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return ownsMemory(t.Elem())
	case reflect.Struct:
		return t != timeType
	default:
		return t.Kind() > reflect.Complex128 && t.Kind() != reflect.String && t.Kind() != reflect.Func
	}
}

// open lifts the bar on an unexported field.
func open(field reflect.Value) reflect.Value {
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
}

// addressable is a value with an address, as open needs it.
func addressable(v reflect.Value) reflect.Value {
	fresh := reflect.New(v.Type()).Elem()
	fresh.Set(v)
	return fresh
}

// digest spells a value out, to be hashed. Times are kept apart: they count
// relative to the moment, so that two states that differ in the hour only are one.
type digest struct {
	out   []byte
	times []time.Time
	*anatomy
}

func (d *digest) number(n uint64) { d.out = binary.LittleEndian.AppendUint64(d.out, n) }

func (d *digest) truth(b bool) {
	if b {
		d.number(1)
	} else {
		d.number(0)
	}
}

func (d *digest) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		d.truth(v.IsNil())
		if !v.IsNil() {
			d.value(withAddress(v.Elem()))
		}
	case reflect.Slice, reflect.Array:
		d.elements(v)
	case reflect.Map:
		d.entries(v)
	case reflect.String:
		d.number(uint64(v.Len()))
		d.out = append(d.out, v.String()...)
	case reflect.Struct:
		d.structure(v)
	case reflect.Bool:
		d.truth(v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		d.number(uint64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		d.number(v.Uint())
	case reflect.Func:
	default:
		panic("explorer: a " + v.Kind().String() + " is part of the state")
	}
}

func (d *digest) elements(v reflect.Value) {
	d.number(uint64(v.Len()))
	if v.Len() == 0 {
		return
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		d.out = append(d.out, unsafe.Slice((*byte)(v.Index(0).Addr().UnsafePointer()), v.Len())...)
		return
	}
	for i := range v.Len() {
		d.value(v.Index(i))
	}
}

// entries spells a map out in the order of its keys' spelling.
func (d *digest) entries(v reflect.Value) {
	var spelled []string
	for _, key := range v.MapKeys() {
		one := digest{anatomy: d.anatomy}
		one.value(withAddress(key))
		one.value(withAddress(v.MapIndex(key)))
		if one.times != nil {
			panic("explorer: a time in a map is part of the state")
		}
		spelled = append(spelled, string(one.out))
	}
	slices.Sort(spelled)
	d.number(uint64(len(spelled)))
	for _, s := range spelled {
		d.out = append(d.out, s...)
	}
}

func (d *digest) structure(v reflect.Value) {
	if v.Type() == timeType {
		t := v.Addr().Interface().(*time.Time)
		d.times = append(d.times, *t)
		return
	}
	for _, i := range d.fields(d.counted, v.Type(), func(reflect.Type) bool { return true }) {
		d.value(open(v.Field(i)))
	}
}

// withAddress spares a copy where there is an address already.
func withAddress(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	return addressable(v)
}
