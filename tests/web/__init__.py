"""The pages of `lerotool view`, in a real browser."""
