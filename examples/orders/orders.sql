CREATE TABLE orders (
  order_id uuid PRIMARY KEY,
  email text NOT NULL,
  total numeric(12, 2) NOT NULL,
  placed_at timestamptz NOT NULL,
  channel text NOT NULL
);
CREATE TABLE order_items (
  order_id uuid NOT NULL REFERENCES orders,
  position integer NOT NULL,
  sku text NOT NULL,
  quantity integer NOT NULL CHECK (quantity > 0),
  gift_to text,
  PRIMARY KEY (order_id, position)
);
CREATE TABLE shop_logins (shop text NOT NULL, action text NOT NULL, masked_ip text NOT NULL);
