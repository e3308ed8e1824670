//! How clients and the daemon talk.
