-- Version 4: what a person wants rejected is rejected. An older agent would not know of it and hand it over: it does not get hold of such a
-- delivery, as if another one had been faster.

CREATE FUNCTION keep_refusal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN NULL;
END
$$;

-- Inside a text of the body, the quotes would be escaped.
CREATE TRIGGER keep_refusal BEFORE UPDATE ON deliveries FOR EACH ROW
    WHEN (NEW.state = 'leased' AND position('"refusal":' IN OLD.body) > 0 AND position('"refusal":' IN NEW.body) = 0)
    EXECUTE FUNCTION keep_refusal();
