package dsl

import (
	"errors"
	"math/big"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// powFunc is exact where base and exponent are whole numbers, the exponent is
// not negative, and the power has at most 2048 bits.
func powFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "num", Type: cty.Number}, {Name: "power", Type: cty.Number}},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if v, ok := wholePower(args[0].AsBigFloat(), args[1].AsBigFloat()); ok {
				return v, nil
			}
			return stdlib.Pow(args[0], args[1])
		},
	})
}

func wholePower(base, power *big.Float) (cty.Value, bool) {
	const mostBits = 2048
	if !base.IsInt() || !power.IsInt() || power.Sign() < 0 || base.MantExp(nil) > mostBits {
		return cty.NilVal, false
	}
	b, _ := base.Int(nil)
	n, accuracy := power.Int64()
	if accuracy != big.Exact || n > mostBits || int64(b.BitLen())*n > mostBits {
		return cty.NilVal, false
	}
	result := b.Exp(b, big.NewInt(n), nil)
	return cty.NumberVal(new(big.Float).SetPrec(mostBits).SetInt(result)), true
}

// sumFunc adds decimals exactly: their binary forms are only close to them,
// and the difference would show.
func sumFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			t := args[0].Type()
			if !t.IsListType() && !t.IsSetType() && !t.IsTupleType() {
				return cty.NilVal, function.NewArgErrorf(0, "argument must be list, set, or tuple. Received %s", t.FriendlyName())
			}
			if !args[0].IsWhollyKnown() {
				return cty.UnknownVal(cty.Number), nil
			}
			if args[0].LengthInt() == 0 {
				return cty.NilVal, function.NewArgErrorf(0, "cannot sum an empty list")
			}
			return sum(args[0].AsValueSlice())
		},
	})
}

func sum(list []cty.Value) (cty.Value, error) {
	total := new(big.Rat)
	for _, v := range list {
		n, err := convert.Convert(v, cty.Number)
		if err != nil || n.IsNull() {
			return cty.NilVal, function.NewArgErrorf(0, "argument must be list, set, or tuple of number values")
		}
		r, err := decimal(n)
		if err != nil {
			return cty.NilVal, err
		}
		total.Add(total, r)
	}
	return cty.NumberVal(new(big.Float).SetPrec(512).SetRat(total)), nil
}

// decimal returns the decimal number that n was written as.
func decimal(n cty.Value) (*big.Rat, error) {
	f := n.AsBigFloat()
	const most = 4096 // binary digits before or behind the point
	if exponent := f.MantExp(nil); f.IsInf() || exponent > most || exponent < -most {
		return nil, errors.New("a number is too large or too small to be added")
	}
	r, ok := new(big.Rat).SetString(f.Text('g', -1))
	if !ok {
		return nil, errors.New("a number can't be added")
	}
	return r, nil
}
