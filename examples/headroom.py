"""Ask how much more may be bought, and at which price: exactly, and without an order."""

import repurchase

program = repurchase.Rules("iij-2008").program()
order = {"time": "2008-11-14T10:00:00-05:00", "symbol": "IIJI", "fx": 96}

# Leave out `quantity` for the largest one at a price, and `price` for the highest one.
largest = program.headroom({**order, "price": "2.65"})
print(largest.quantity, largest.binding)
highest = program.headroom({**order, "quantity": 1_000_000}, tick="0.05")
print(highest.price, highest.binding)
